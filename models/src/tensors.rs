//! Tensors in files: safetensors, whose loading never executes anything, with names and shapes checked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use listening_data::write_atomically;
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::{ModelError, Result};

/// A tensor to be saved.
pub struct SavedTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> SavedTensor<'a> {
    /// 32-bit floats in row-major order.
    pub fn floats(shape: &[usize], values: &'a [f32]) -> Self {
        Self { dtype: Dtype::F32, shape: shape.to_vec(), bytes: Cow::Borrowed(bytemuck::cast_slice(values)) }
    }

    /// 32-bit unsigned integers in row-major order.
    pub fn integers(shape: &[usize], values: &'a [u32]) -> Self {
        Self { dtype: Dtype::U32, shape: shape.to_vec(), bytes: Cow::Borrowed(bytemuck::cast_slice(values)) }
    }

    /// One 32-bit unsigned integer.
    pub fn number(value: u32) -> SavedTensor<'static> {
        SavedTensor { dtype: Dtype::U32, shape: vec![1], bytes: Cow::Owned(value.to_le_bytes().to_vec()) }
    }

    /// Bytes.
    pub fn bytes(values: &'a [u8]) -> Self {
        Self { dtype: Dtype::U8, shape: vec![values.len()], bytes: Cow::Borrowed(values) }
    }

    /// The same tensor with a copy of its values.
    pub fn into_owned(self) -> SavedTensor<'static> {
        SavedTensor { dtype: self.dtype, shape: self.shape, bytes: Cow::Owned(self.bytes.into_owned()) }
    }

    /// A libtorch tensor of 32-bit floats, from any device.
    pub fn from_tensor(tensor: &tch::Tensor) -> Result<SavedTensor<'static>> {
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        let values = Vec::<f32>::try_from(tensor.f_reshape([-1])?)?;
        Ok(SavedTensor { dtype: Dtype::F32, shape, bytes: Cow::Owned(bytemuck::cast_slice(&values).to_vec()) })
    }
}

impl View for &SavedTensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes tensors to a safetensors file, atomically.
pub fn save_tensors(path: &Path, tensors: &[(String, SavedTensor<'_>)]) -> Result<()> {
    let views = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    let bytes = safetensors::serialize(views, None).map_err(|e| ModelError::bad_file(path, e.to_string()))?;
    Ok(write_atomically(path, &bytes)?)
}

/// A memory-mapped safetensors file.
pub struct TensorFile {
    path: PathBuf,
    map: Mmap,
    /// Per name: kind, shape, first and last byte.
    tensors: HashMap<String, (Dtype, Vec<usize>, std::ops::Range<usize>)>,
}

impl TensorFile {
    /// Opens a file and checks its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path).map_err(|e| ModelError::file("open", &path, e))?;
        // SAFETY: the file is written once under another name and renamed; nothing changes it in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::file("map", &path, e))?;
        let bad =
            |e: safetensors::SafeTensorError| ModelError::bad_file(&path, format!("not a safetensors file ({e})"));
        // Deserialising checks that the whole file is there; the metadata then give the places.
        SafeTensors::deserialize(&map).map_err(bad)?;
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(bad)?;
        let start = header + size_of::<u64>();
        let place = |(from, to): (usize, usize)| start + from..start + to;
        let tensors = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| (name, (info.dtype, info.shape.clone(), place(info.data_offsets))))
            .collect();
        Ok(Self { path, map, tensors })
    }

    fn find(&self, name: &str, dtype: Dtype) -> Result<(&[usize], &[u8])> {
        let missing = || ModelError::bad_file(&self.path, format!("holds no tensor `{name}` of kind {dtype:?}"));
        let (found, shape, place) = self.tensors.get(name).ok_or_else(missing)?;
        if *found == dtype { Ok((shape, &self.map[place.clone()])) } else { Err(missing()) }
    }

    fn cast<T: bytemuck::Pod>(&self, name: &str, bytes: &[u8]) -> Result<Vec<T>> {
        // A copy, since a foreign file need not align its tensors.
        if bytes.len().is_multiple_of(size_of::<T>()) {
            Ok(bytemuck::allocation::pod_collect_to_vec(bytes))
        } else {
            Err(ModelError::bad_file(&self.path, format!("tensor `{name}` has a broken length")))
        }
    }

    /// Shape and values of a tensor of 32-bit floats.
    pub fn floats(&self, name: &str) -> Result<(&[usize], Vec<f32>)> {
        let (shape, bytes) = self.find(name, Dtype::F32)?;
        Ok((shape, self.cast(name, bytes)?))
    }

    /// Values of a tensor of 32-bit unsigned integers.
    pub fn integers(&self, name: &str) -> Result<Vec<u32>> {
        let (_, bytes) = self.find(name, Dtype::U32)?;
        self.cast(name, bytes)
    }

    /// A tensor of bytes.
    pub fn bytes(&self, name: &str) -> Result<&[u8]> {
        Ok(self.find(name, Dtype::U8)?.1)
    }

    /// Copies a tensor into a libtorch tensor of the same shape. (libtorch's own loader would silently stretch a
    /// tensor of another shape.)
    pub fn copy_into(&self, name: &str, target: &mut tch::Tensor) -> Result<()> {
        let (shape, values) = self.floats(name)?;
        let expected: Vec<usize> = target.size().iter().map(|&size| size as usize).collect();
        if shape != expected {
            let problem = format!("tensor `{name}` has shape {shape:?}, expected {expected:?}");
            return Err(ModelError::bad_file(&self.path, problem));
        }
        let source = tch::Tensor::f_from_slice(&values)?.f_reshape(target.size())?;
        tch::no_grad(|| target.f_copy_(&source))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_read_as_written_and_shapes_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let saved = [
            ("a".to_owned(), SavedTensor::floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])),
            ("b".to_owned(), SavedTensor::integers(&[1], &[7])),
            ("c".to_owned(), SavedTensor::bytes(&[1, 2, 3])),
        ];
        save_tensors(&path, &saved).unwrap();
        let file = TensorFile::open(&path).unwrap();
        assert_eq!(file.floats("a").unwrap(), (&[2, 2][..], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(file.integers("b").unwrap(), [7]);
        assert_eq!(file.bytes("c").unwrap(), [1, 2, 3]);
        assert!(file.floats("b").is_err());
        let mut right = tch::Tensor::zeros([2, 2], (tch::Kind::Float, tch::Device::Cpu));
        file.copy_into("a", &mut right).unwrap();
        assert_eq!(right.double_value(&[1, 0]), 3.0);
        let mut wrong = tch::Tensor::zeros([4], (tch::Kind::Float, tch::Device::Cpu));
        assert!(file.copy_into("a", &mut wrong).unwrap_err().to_string().contains("expected [4]"));
    }

    #[test]
    fn a_cut_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        save_tensors(&path, &[("a".to_owned(), SavedTensor::floats(&[3], &[1.0; 3]))]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(TensorFile::open(&path).is_err());
    }
}
