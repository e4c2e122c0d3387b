//! The texts of a column on their way into a table, one behind the other.

use bytes::Bytes;
use parquet::data_type::ByteArray;

use super::differences;

/// Texts, one per row.
#[derive(Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| begin..end)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges().map(|range| &self.bytes[range])
    }

    /// The text of all rows, where they have but one.
    pub(super) fn only(&self) -> Option<&[u8]> {
        let first = self.iter().next()?;
        self.iter().all(|text| text == first).then_some(first)
    }

    /// Appends the encoding DELTA_BYTE_ARRAY: of each text, how many bytes are those of the text before it, and the rest.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (mut shared, mut rests) = (Vec::with_capacity(self.rows()), Vec::with_capacity(self.rows()));
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut before: &[u8] = &[];
        for text in self.iter() {
            let same = before.iter().zip(text).take_while(|(before, byte)| before == byte).count();
            shared.push(same as i32);
            rests.push((text.len() - same) as i32);
            bytes.extend_from_slice(&text[same..]);
            before = text;
        }
        differences::encode(&shared, out);
        differences::encode(&rests, out);
        out.extend_from_slice(&bytes);
    }

    /// As the Parquet library wants them.
    pub(super) fn arrays(&self) -> Vec<ByteArray> {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        self.ranges().map(|range| bytes.slice(range).into()).collect()
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text));
        all
    }
}
