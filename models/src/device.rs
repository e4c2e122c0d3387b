//! Which processor the networks run on.

use tch::{Cuda, Device};

use crate::{ModelError, Result};

/// Finds the device for `auto`, `cpu`, `cuda` or `cuda:<number>`, and prepares libtorch for this program.
///
/// libtorch is told to use one thread inside an operation: work is divided over sessions and batches instead, in
/// pieces that do not depend on the number of threads, so that results do not either.
pub fn find_device(name: &str) -> Result<Device> {
    tch::set_num_threads(1);
    let unusable = |problem: String| ModelError::Device { device: name.to_owned(), problem };
    match name {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(if cuda_devices() > 0 { Device::Cuda(0) } else { Device::Cpu }),
        _ => {
            let number = match name.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|number| number.parse::<usize>().ok()),
                None => None,
            };
            let number = number.ok_or_else(|| unusable("expected auto, cpu, cuda or cuda:<number>".into()))?;
            let found = cuda_devices();
            if (number as i64) < found {
                return Ok(Device::Cuda(number));
            }
            Err(unusable(format!(
                "libtorch finds {found} CUDA devices; check `nvidia-smi`, run `make set-up` to fetch the CUDA build, or \
                 pass --device cpu"
            )))
        }
    }
}

/// A name for people, e.g. "CPU" or "CUDA device 0".
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("CUDA device {number}"),
        _ => "CPU".to_owned(),
    }
}

/// Number of usable CUDA devices. The CUDA half of libtorch is opened only here: linking it would cost every start
/// 0.7 s and 480 MB. It must be open before the first question to `Cuda`, whose answer libtorch remembers.
fn cuda_devices() -> i64 {
    static DEVICES: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *DEVICES.get_or_init(|| if open_cuda_library() && Cuda::is_available() { Cuda::device_count() } else { 0 })
}

#[cfg(target_os = "linux")]
fn open_cuda_library() -> bool {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: opening libtorch's own library runs its initialisers, which register the CUDA kernels and nothing else.
    match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            // The kernels must stay registered for the life of the program.
            std::mem::forget(library);
            true
        }
        Err(_) => false,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_cuda_library() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_wrong_ones_refused() {
        assert_eq!(find_device("cpu").unwrap(), Device::Cpu);
        assert!(find_device("auto").is_ok());
        for wrong in ["gpu", "cuda:x", "cudax", "cuda:99"] {
            let message = find_device(wrong).unwrap_err().to_string();
            assert!(message.contains(wrong), "{message}");
        }
    }
}
