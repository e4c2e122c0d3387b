//! The network of JODIE over any users and items: tensors in, tensors out.

use tch::Tensor;

use crate::Result;
use crate::network::{Cell, Dense, Parameters, Recurrent};

/// Lengths of what the network works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JodieLengths {
    /// Dynamic embeddings, of users and of items.
    pub embedding: usize,
    /// Features of an interaction.
    pub features: usize,
    /// Static embedding of a user.
    pub user_static: usize,
    /// Static embedding of an item: what is foretold.
    pub item_static: usize,
}

/// The coupled updates, the projection and the prediction (Kumar et al., KDD 2019, section 3).
///
/// Rows are interactions, no two of the same user or item; gaps are `[rows, 1]`.
pub struct JodieNetwork {
    user_cell: Recurrent,
    item_cell: Recurrent,
    projection: Tensor,
    prediction: Dense,
    first_user: Tensor,
    first_item: Tensor,
}

impl JodieNetwork {
    /// Adds the parameters.
    pub fn new(parameters: &mut Parameters, lengths: JodieLengths) -> Result<Self> {
        let JodieLengths { embedding, features, user_static, item_static } = lengths;
        let cell = |parameters: &mut Parameters, name: &str| {
            Recurrent::new(parameters, name, Cell::Tanh, embedding + 1 + features, embedding, 1)
        };
        let joined = embedding + user_static + embedding + item_static;
        Ok(Self {
            user_cell: cell(parameters, "user")?,
            item_cell: cell(parameters, "item")?,
            projection: parameters.uniform("projection", &[embedding], 1.0)?,
            prediction: Dense::new(parameters, "prediction", joined, item_static)?,
            first_user: parameters.uniform("first_user", &[embedding], 1.0)?,
            first_item: parameters.uniform("first_item", &[embedding], 1.0)?,
        })
    }

    /// `[embedding]`: the embedding of a user before the first interaction, learnt and the same for all.
    pub fn first_user(&self) -> Result<Tensor> {
        unit(&self.first_user)
    }

    /// `[embedding]`: the embedding of an item before the first interaction.
    pub fn first_item(&self) -> Result<Tensor> {
        unit(&self.first_item)
    }

    /// The embeddings `[rows, embedding]` of users and items after they met, each from both of before (equations 1 and 2),
    /// with the time since the user's and since the item's last interaction and the interaction's features.
    pub fn update(
        &self,
        users: &Tensor,
        items: &Tensor,
        [user_gaps, item_gaps]: [&Tensor; 2],
        features: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let step = |cell: &Recurrent, own: &Tensor, other: &Tensor, gaps: &Tensor| -> Result<Tensor> {
            let inputs = Tensor::f_cat(&[other, gaps, features], 1)?.f_unsqueeze(0)?;
            unit(&cell.forward(&inputs, own)?.1)
        };
        Ok((step(&self.user_cell, users, items, user_gaps)?, step(&self.item_cell, items, users, item_gaps)?))
    }

    /// The users' embeddings when `gaps` have passed since the last interaction: (1 + W gap) * u (equation 3).
    pub fn project(&self, users: &Tensor, gaps: &Tensor) -> Result<Tensor> {
        Ok(users.f_mul(&gaps.f_mul(&self.projection)?.f_add_scalar(1.0)?)?)
    }

    /// The static embeddings `[rows, item static]` foretold of the next items, from the projected users, their static
    /// embeddings, and the last items' dynamic and static embeddings (equation 4).
    pub fn foretell(
        &self,
        projected: &Tensor,
        user_static: &Tensor,
        last_items: &Tensor,
        last_static: &Tensor,
    ) -> Result<Tensor> {
        self.prediction.forward(&Tensor::f_cat(&[projected, user_static, last_items, last_static], 1)?)
    }
}

/// Scales rows to length 1, as the authors' code does after each update.
fn unit(rows: &Tensor) -> Result<Tensor> {
    let lengths = rows.f_square()?.f_sum_dim_intlist([-1i64].as_slice(), true, tch::Kind::Float)?.f_sqrt()?;
    Ok(rows.f_div(&lengths.f_clamp_min(1e-12)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::test_values::{assert_near, fill, filled, gradient_sums, values};
    use tch::{Device, Kind};

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// from torch.nn.functional import normalize
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// user_cell, item_cell = torch.nn.RNNCell(6, 3), torch.nn.RNNCell(6, 3)
    /// projection, first_user, first_item = [torch.nn.Parameter(torch.zeros(3)) for _ in range(3)]
    /// prediction = torch.nn.Linear(12, 2)
    /// ps = [*user_cell.parameters(), *item_cell.parameters(), projection, *prediction.parameters(), first_user, first_item]
    /// with torch.no_grad():
    ///     for place, p in enumerate(ps): p.copy_(fill(p.shape, place))
    /// u, i = normalize(first_user, dim=0).expand(2, 3), normalize(first_item, dim=0).expand(2, 3)
    /// features = fill((2, 2), 3.)
    /// u2 = normalize(user_cell(torch.cat([i, fill((2, 1), 1.), features], 1), u))
    /// i2 = normalize(item_cell(torch.cat([u, fill((2, 1), 2.), features], 1), i))
    /// projected = u2 * (1 + fill((2, 1), 4.) * projection)
    /// y = prediction(torch.cat([projected, fill((2, 4), 5.), i2, fill((2, 2), 6.)], 1))
    /// loss = (y - fill((2, 2), 7.)).square().sum() + (u2 - u).square().sum() + (i2 - i).square().sum()
    /// loss.backward()
    /// print(y.flatten().tolist()); print([loss.item()]); print([p.grad.sum().item() for p in ps])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let lengths = JodieLengths { embedding: 3, features: 2, user_static: 4, item_static: 2 };
        let network = JodieNetwork::new(&mut parameters, lengths).unwrap();
        fill(&mut parameters);
        let users = network.first_user().unwrap().expand([2, 3], false);
        let items = network.first_item().unwrap().expand([2, 3], false);
        let gaps = [filled(&[2, 1], 1.0), filled(&[2, 1], 2.0)];
        let (after_users, after_items) =
            network.update(&users, &items, [&gaps[0], &gaps[1]], &filled(&[2, 2], 3.0)).unwrap();
        let projected = network.project(&after_users, &filled(&[2, 1], 4.0)).unwrap();
        let found = network.foretell(&projected, &filled(&[2, 4], 5.0), &after_items, &filled(&[2, 2], 6.0)).unwrap();
        assert_near(&values(&found), &[1.14583194, -1.35332394, 0.07919836, -0.95590234]);
        let changes = (after_users - users).square().sum(Kind::Float) + (after_items - items).square().sum(Kind::Float);
        let loss = (found - filled(&[2, 2], 7.0)).square().sum(Kind::Float) + changes;
        assert_near(&values(&loss), &[14.94499207]);
        assert_near(
            &gradient_sums(&parameters, &loss),
            &[
                2.94995117,
                -18.92020416,
                12.44687080,
                12.44687080,
                0.80289090,
                -0.04376766,
                -0.11999440,
                -0.11999440,
                -0.77589512,
                -11.07216644,
                -4.98724413,
                1.18486679,
                -17.21041298,
            ],
        );
    }
}
