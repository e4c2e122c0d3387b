//! The context of a session as numbers.

use listening_data::{Context, Device, Source};

const DEVICES: usize = Device::ALL.len();
const SOURCES: usize = Source::ALL.len();

/// Number of context features: hour (5), weekday (7), device, source, premium and shuffle.
pub const CONTEXT_FEATURES: usize = 5 + 7 + DEVICES + SOURCES + 2;

/// Writes the context features.
///
/// Hour: whether known, and sine and cosine of its first two harmonics, so that 23 h lies beside 0 h. Weekday, device
/// and source: one of n; all zero where missing. Premium and shuffle: 1, -1, and 0 where missing. The behaviour policy
/// is no feature: in simulation it is the policy under test.
pub fn write_context(context: &Context, features: &mut [f32]) {
    features.fill(0.0);
    let (hour, rest) = features.split_at_mut(5);
    let (weekday, rest) = rest.split_at_mut(7);
    let (device, rest) = rest.split_at_mut(DEVICES);
    let (source, rest) = rest.split_at_mut(SOURCES);
    if let Some(value) = context.hour {
        let angle = f32::from(value) / 24.0 * std::f32::consts::TAU;
        hour.copy_from_slice(&[1.0, angle.sin(), angle.cos(), (2.0 * angle).sin(), (2.0 * angle).cos()]);
    }
    if let Some(slot) = context.weekday.and_then(|day| weekday.get_mut(usize::from(day))) {
        *slot = 1.0;
    }
    if let Some(value) = context.device {
        device[value.code()] = 1.0;
    }
    if let Some(value) = context.source {
        source[value.code()] = 1.0;
    }
    let sign = |value: Option<bool>| value.map_or(0.0, |yes| if yes { 1.0 } else { -1.0 });
    rest.copy_from_slice(&[sign(context.premium), sign(context.shuffle)]);
}

/// The hour and the device that [`write_context`] has written, where known.
pub fn hour_and_device(features: &[f32]) -> (Option<u8>, Option<Device>) {
    let [known, sine, cosine, ..] = features else { return (None, None) };
    let hour = sine.atan2(*cosine) / std::f32::consts::TAU * 24.0;
    let hour = (*known > 0.0).then(|| hour.round().rem_euclid(24.0) as u8);
    let device = features[5 + 7..][..DEVICES].iter().position(|&mark| mark > 0.0);
    (hour, device.map(|code| Device::ALL[code]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_are_zero_and_known_ones_are_not() {
        let mut features = [9.0; CONTEXT_FEATURES];
        write_context(&Context::default(), &mut features);
        assert_eq!(features, [0.0; CONTEXT_FEATURES]);
        let context = Context {
            hour: Some(6),
            weekday: Some(6),
            device: Some(Device::Car),
            source: Some(Source::Collection),
            shuffle: Some(false),
            ..Context::default()
        };
        write_context(&context, &mut features);
        assert_eq!(features[..2], [1.0, 1.0]);
        assert_eq!(hour_and_device(&features), (Some(6), Some(Device::Car)));
        assert_eq!(hour_and_device(&[0.0; CONTEXT_FEATURES]), (None, None));
        for hour in 0..24 {
            write_context(&Context { hour: Some(hour), ..Context::default() }, &mut features);
            assert_eq!(hour_and_device(&features), (Some(hour), None));
        }
        write_context(&context, &mut features);
        assert_eq!(features[5 + 6], 1.0);
        assert_eq!(features[12 + DEVICES - 1], 1.0);
        assert_eq!(features[12 + DEVICES], 1.0);
        assert_eq!(features[CONTEXT_FEATURES - 2..], [0.0, -1.0]);
        assert!(features[1] == 1.0 && features[4] == -1.0, "6 h is a quarter of the day, half of its half");
    }
}
