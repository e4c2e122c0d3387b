//! The numbers of a tensor on the CPU, as they lie in memory.

use tch::{Device, Kind, Tensor};

/// Those of a contiguous tensor of floats.
pub(super) fn floats(tensor: &Tensor) -> &[f32] {
    check(tensor);
    // SAFETY: so many floats lie there, as long as the tensor lives.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// The same to write to. The tensor must have them to itself, or its other handles must not be read meanwhile.
pub(super) fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    check(tensor);
    // SAFETY: so many floats lie there, as long as the tensor lives, and nobody else looks.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

fn check(tensor: &Tensor) {
    let floats = tensor.kind() == Kind::Float && tensor.device() == Device::Cpu && tensor.is_contiguous();
    assert!(floats, "a contiguous tensor of floats on the CPU");
}
