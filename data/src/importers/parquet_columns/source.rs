//! Where the bytes of a Parquet file come from, and how many values of it are taken at a time.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::metadata::{check_lists, claimed_page_size};

/// Bytes read at once where the length is not known: page headers have some tens of bytes.
const HEADER_BYTES: usize = 512;

/// Length of the metadata and a magic number.
const FOOTER_BYTES: u64 = 8;

/// Largest page that is unpacked. Writers aim at 1 MiB (8 KiB in the format's own advice).
const LARGEST_PAGE: u64 = 128 << 20;

trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A file that several threads read. The library's own reader of files moves one position for all of them.
#[derive(Clone)]
pub(super) struct SharedSource {
    source: Arc<Mutex<dyn Source>>,
    length: u64,
}

impl SharedSource {
    pub(super) fn new(mut source: impl Read + Seek + Send + 'static) -> Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        Ok(Self { source: Arc::new(Mutex::new(source)), length })
    }

    /// Looks at the metadata, whose length and a magic number end the file, before the library does.
    pub(super) fn check_footer(&self) -> Result<()> {
        let Some(end) = self.length.checked_sub(FOOTER_BYTES) else { return Ok(()) };
        let tail = self.get_bytes(end, FOOTER_BYTES as usize)?;
        let (length, magic) = tail.split_at(4);
        let length = length.try_into().map_or(0, u32::from_le_bytes);
        match end.checked_sub(u64::from(length)) {
            Some(start) if magic == b"PAR1" => check_lists(&self.get_bytes(start, length as usize)?),
            _ => Ok(()),
        }
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(position))?;
        source.read(buffer)
    }
}

impl Length for SharedSource {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SharedSource {
    type T = BufReader<SourceReader>;

    /// A reader of the page header that begins at `start`, or of the footer, the last eight bytes.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut reader = BufReader::with_capacity(HEADER_BYTES, SourceReader { source: self.clone(), position: start });
        if start.saturating_add(FOOTER_BYTES) < self.length {
            check_page_size(reader.fill_buf()?)?;
        }
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes from {start} on lie behind the end of the file")));
        }
        let mut bytes = vec![0; length];
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(start))?;
        source.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Refuses a page that claims to be larger than [`LARGEST_PAGE`] when unpacked: the library makes room for it first.
fn check_page_size(header: &[u8]) -> Result<()> {
    match claimed_page_size(header) {
        size if size > LARGEST_PAGE => Err(ParquetError::General(format!(
            "a page of {size} bytes; pages of at most {LARGEST_PAGE} are read, and 1,048,576 are usual"
        ))),
        _ => Ok(()),
    }
}

/// A shared source with a position of its own. What is read lies before the footer, so that the end of the file is an
/// error: the library skips what a damaged header claims without asking whether it is there, billions of pieces if need be.
pub(super) struct SourceReader {
    source: SharedSource,
    position: u64,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(self.position, buffer)?;
        if read == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += read as u64;
        Ok(read)
    }
}

/// The pages of a column, but for those with which one read would hold too many values - one list may be as long as the
/// file pretends, and a few bytes can pretend billions - and for dictionaries that pretend to have more values than bytes.
pub(super) struct LimitedPages {
    pages: Box<dyn PageReader>,
    limit: Option<usize>,
    loaded: Arc<AtomicUsize>,
}

impl LimitedPages {
    /// The counter tells the values of the pages loaded; who reads sets it back to 0 before each read.
    pub(super) fn new(pages: Box<dyn PageReader>, limit: Option<usize>) -> (Self, Arc<AtomicUsize>) {
        let loaded = Arc::new(AtomicUsize::new(0));
        (Self { pages, limit, loaded: Arc::clone(&loaded) }, loaded)
    }
}

/// The library makes room for the values that a dictionary claims.
fn check_dictionary(page: Option<Page>) -> Result<Option<Page>> {
    match &page {
        Some(Page::DictionaryPage { buf, num_values, .. }) if *num_values as usize > buf.len() => {
            Err(ParquetError::General(format!("a dictionary of {num_values} values in {} bytes", buf.len())))
        }
        _ => Ok(page),
    }
}

impl PageReader for LimitedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = check_dictionary(self.pages.get_next_page()?)?;
        if let (Some(limit), Some(Page::DataPage { num_values, .. } | Page::DataPageV2 { num_values, .. })) =
            (self.limit, &page)
        {
            let loaded = self.loaded.fetch_add(*num_values as usize, Ordering::Relaxed) + *num_values as usize;
            if loaded > limit {
                return Err(ParquetError::General(format!("a list of more than {limit} values")));
            }
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        check_dictionary(self.pages.take_deferred_dictionary()?)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for LimitedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::Encoding;

    #[test]
    fn dictionaries_of_more_values_than_bytes_are_refused() {
        let dictionary = |num_values| {
            let buf = vec![0; 12].into();
            check_dictionary(Some(Page::DictionaryPage {
                buf,
                num_values,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            }))
        };
        assert!(dictionary(3).is_ok() && dictionary(12).is_ok());
        assert!(dictionary(13).unwrap_err().to_string().contains("13 values in 12 bytes"));
    }

    #[test]
    fn pages_that_claim_too_much_are_refused() {
        // Kind 0; size 300: zigzag 600 = 0xd8 0x04; and so on by hand.
        assert!(check_page_size(&[0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x02]).is_ok());
        // 2^27 = 134,217,728: zigzag 2^28 = 0x80 0x80 0x80 0x80 0x01.
        assert!(check_page_size(&[0x15, 0x00, 0x15, 0x80, 0x80, 0x80, 0x80, 0x01]).is_ok());
        let too_large = check_page_size(&[0x15, 0x00, 0x15, 0x82, 0x80, 0x80, 0x80, 0x01]).unwrap_err().to_string();
        assert!(too_large.contains("134217729 bytes"), "{too_large}");
        // The same with field 2 told whole, and as the second of its kind.
        assert!(check_page_size(&[0x15, 0x00, 0x05, 0x04, 0x82, 0x80, 0x80, 0x80, 0x01]).is_err());
        assert!(check_page_size(&[0x15, 0x00, 0x15, 0x02, 0x05, 0x04, 0x82, 0x80, 0x80, 0x80, 0x01]).is_err());
        // A size of more bytes than a number has.
        assert!(check_page_size(&[&[0x15, 0x00, 0x15][..], &[0x84; 20], &[0x08]].concat()).is_err());
        for other in [&[][..], &[0x15, 0x00], &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
            assert!(check_page_size(other).is_ok(), "{other:?}");
        }
    }
}
