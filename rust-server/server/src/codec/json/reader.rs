//! Reads arguments while their text arrives.

use bytes::Bytes;
use offgil_kernels::{Arguments, KernelSpec};

use super::{Strictness, plain::Plain, read_arguments};
use crate::{codec::joined, error::Error};

/// The text of arguments, in chunks, and what has been read of it.
#[derive(Debug)]
pub struct Reader {
    spec: &'static KernelSpec,
    strictness: Strictness,
    /// Nothing once the text turned out not to be plain.
    plain: Option<Plain>,
    chunks: Vec<Bytes>,
}

// === impl Reader ===

impl Reader {
    /// Begins to read the arguments of a kernel.
    pub fn new(spec: &'static KernelSpec, strictness: Strictness) -> Self {
        Self {
            spec,
            strictness,
            plain: Some(Plain::new(spec, strictness.integers)),
            chunks: vec![],
        }
    }

    /// Takes the next chunk, and reads it if the text is plain so far.
    pub fn feed(&mut self, chunk: Bytes) {
        if let Some(plain) = &mut self.plain
            && plain.feed(&chunk).is_err()
        {
            self.plain = None;
        }
        self.chunks.push(chunk);
    }

    /// Returns how many bytes are still to be read when the text is complete.
    pub fn unread(&self) -> usize {
        match self.plain {
            Some(_) => 0,
            None => self.chunks.iter().map(Bytes::len).sum(),
        }
    }

    /// Returns the arguments of the text, which is complete.
    ///
    /// # Errors
    ///
    /// Those of [`read_arguments`].
    pub fn finish(self) -> Result<Arguments, Error> {
        let read = self.plain.and_then(|plain| plain.finish().ok());
        match read {
            Some(named) => Ok(Arguments::bind(self.spec, named)?),
            None => read_arguments(self.spec, &joined(self.chunks), self.strictness),
        }
    }
}
