//! The class of device behind an export's `platform`.

use crate::Device;

/// Marks of each class, looked for in this order in the lower-case text: "web_player windows 10" is a browser and
/// "iOS 12.1 (iPad6,11)" a tablet, so the more telling marks stand first.
const MARKS: &[(Device, &[&str])] = &[
    (Device::Web, &["web_player", "webplayer", "web player"]),
    (Device::Car, &["carplay", "car thing", "carthing", "android_auto", "android auto", "automotive", "tesla"]),
    // A Chromecast reports "Partner google cast_tv"; whether a loudspeaker or a television hangs on it is unknown.
    (Device::Speaker, &["cast"]),
    (
        Device::Television,
        &["_tv", " tv", "-tv", "tvos", "playstation", " ps3", " ps4", " ps5", "xbox", "roku", "webos", "tizen"],
    ),
    (Device::Tablet, &["ipad", "tablet"]),
    (Device::Speaker, &["partner", "sonos", "speaker", "echo", "alexa", "google home"]),
    (Device::Phone, &["iphone", "ipod", "android", "windows phone", "blackberry", "symbian"]),
    (Device::Computer, &["windows", "os x", "osx", "os_x", "macos", "linux", "chrome os", "chromeos"]),
];

/// The class of a platform such as `Android OS 9 API 28 (HUAWEI, ...)`; `None` where it tells none.
pub(super) fn device_of(platform: &str) -> Option<Device> {
    let platform = platform.to_lowercase();
    let marked = |(_, marks): &&(Device, &[&str])| marks.iter().any(|mark| platform.contains(mark));
    let class = MARKS.iter().find(marked).map(|(device, _)| *device);
    // "ios" is part of many words, so it counts at the beginning alone.
    class.or_else(|| platform.starts_with("ios").then_some(Device::Phone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_seen_in_exports_have_their_class() {
        for (platform, device) in [
            ("android", Some(Device::Phone)),
            ("Android OS 9 API 28 (HUAWEI, JKM-LX1)", Some(Device::Phone)),
            ("Android-tablet OS 7.0 API 24 (samsung, SM-T580)", Some(Device::Tablet)),
            ("ios", Some(Device::Phone)),
            ("iOS 12.1 (iPhone11,8)", Some(Device::Phone)),
            ("iOS 9.3.5 (iPad2,1)", Some(Device::Tablet)),
            ("ipad", Some(Device::Tablet)),
            ("windows", Some(Device::Computer)),
            ("Windows 10 (10.0.17134; x64)", Some(Device::Computer)),
            ("OS X 10.14.6 [x86 8]", Some(Device::Computer)),
            ("os x", Some(Device::Computer)),
            ("Linux [x86-64 0]", Some(Device::Computer)),
            ("web_player", Some(Device::Web)),
            ("web_player windows 10;chrome 95.0.4638.69;desktop", Some(Device::Web)),
            ("WebPlayer (websocket RFC6455)", Some(Device::Web)),
            ("cast", Some(Device::Speaker)),
            ("Partner google cast_tv;Chromecast", Some(Device::Speaker)),
            ("Partner sonos_ppc Sonos;Play1", Some(Device::Speaker)),
            ("Partner android_tv Sony;BRAVIA 4K", Some(Device::Television)),
            ("Partner scei ps4", Some(Device::Television)),
            ("Partner spotify Car Thing", Some(Device::Car)),
            ("not_applicable", None),
            ("", None),
        ] {
            assert_eq!(device_of(platform), device, "{platform}");
        }
    }
}
