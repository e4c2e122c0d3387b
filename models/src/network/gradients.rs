//! Gradients of networks some of whose layers compute their own.

use std::cell::RefCell;

use tch::Tensor;

use crate::Result;

/// What a layer gives back for the gradient of its output: those of its weights in order, and that of its inputs.
pub(super) struct LayerGradients {
    pub(super) weights: Vec<Tensor>,
    pub(super) inputs: Option<Tensor>,
}

type LayerBackward = Box<dyn FnOnce(&[Tensor], &Tensor) -> Result<LayerGradients>>;

/// A layer's run whose gradient libtorch does not know.
pub(super) struct OwnRun {
    /// What it gave, cut off from what it was made of.
    pub(super) output: Tensor,
    pub(super) inputs: Tensor,
    pub(super) weights: Vec<Tensor>,
    /// From the weights and the gradient of the output.
    pub(super) gradients: LayerBackward,
}

thread_local! {
    /// Runs since [`with_gradients`] began on this thread; none outside it.
    static RUNS: RefCell<Option<Vec<OwnRun>>> = const { RefCell::new(None) };
}

/// Whether runs of this thread are to be kept for their gradients.
pub(super) fn are_wanted() -> bool {
    RUNS.with_borrow(Option::is_some)
}

/// Keeps a run.
pub(super) fn keep(run: OwnRun) {
    RUNS.with_borrow_mut(|runs| runs.get_or_insert_default().push(run));
}

/// Computes a loss by `forward`, and its gradients by `parameters`. Only here do layers compute their own gradients;
/// elsewhere all is libtorch's.
///
/// `forward` gives the loss and whatever else is wanted of it.
pub fn with_gradients<T>(
    parameters: &[Tensor],
    forward: impl FnOnce() -> Result<(Tensor, T)>,
) -> Result<(Vec<Tensor>, T)> {
    RUNS.set(Some(Vec::new()));
    let found = forward();
    let mut runs = RUNS.take().unwrap_or_default();
    let (loss, wanted) = found?;
    // Gradients by the parameters, then by the outputs of the runs not yet gone through.
    let backward = |loss: &Tensor, runs: &[OwnRun]| -> Result<Vec<Tensor>> {
        let by: Vec<&Tensor> = parameters.iter().chain(runs.iter().map(|run| &run.output)).collect();
        Ok(Tensor::f_run_backward(&[loss], &by, !runs.is_empty(), false)?)
    };
    let mut gradients = backward(&loss, &runs)?;
    while let Some(run) = runs.pop() {
        let Some(of_output) = gradients.pop().filter(Tensor::defined) else { continue };
        let of_layer = tch::no_grad(|| (run.gradients)(&run.weights, &of_output))?;
        for (weight, gradient) in run.weights.iter().zip(of_layer.weights) {
            let place = parameters.iter().position(|parameter| parameter.data_ptr() == weight.data_ptr());
            if let Some(place) = place {
                add(&mut gradients[place], gradient)?;
            }
        }
        if let Some(of_inputs) = of_layer.inputs {
            // The gradient of this sum is that of the inputs, carried on to what they were made of.
            let sum = run.inputs.f_mul(&of_inputs)?.f_sum(tch::Kind::Float)?;
            for (to, gradient) in gradients.iter_mut().zip(backward(&sum, &runs)?) {
                add(to, gradient)?;
            }
        }
    }
    for (gradient, parameter) in gradients.iter_mut().zip(parameters) {
        if !gradient.defined() {
            *gradient = parameter.f_zeros_like()?;
        }
    }
    Ok((gradients, wanted))
}

/// Adds a gradient to another; either may be none.
fn add(to: &mut Tensor, gradient: Tensor) -> Result<()> {
    if gradient.defined() {
        *to = if to.defined() { to.f_add(&gradient)? } else { gradient };
    }
    Ok(())
}
