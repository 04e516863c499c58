//! Inputs: some bytes that choose what is done, then what is to be read.

use bytes::Bytes;

/// Pieces whose lengths an input chooses before they repeat.
const LENGTHS: usize = 4;
/// Up to here a byte is a length, above it a number of [`LONG`] bytes.
const SHORT: u8 = 128;
const LONG: usize = 64;

/// An input that is being taken apart; what it does not have is zero.
#[derive(Debug)]
pub struct Input<'a>(&'a [u8]);

/// The lengths of pieces, to be repeated.
#[derive(Clone, Copy, Debug)]
pub struct Lengths([usize; LENGTHS]);

// === impl Input ===

impl<'a> Input<'a> {
    /// Begins with the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes one byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Takes two bytes, the lower one first.
    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    /// Takes so many bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Takes lengths of pieces.
    pub fn lengths(&mut self) -> Lengths {
        Lengths(std::array::from_fn(|_| match self.byte() {
            length @ 0..SHORT => length.into(),
            long => usize::from(long - SHORT + 1) * LONG,
        }))
    }

    /// Returns whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

// === impl Lengths ===

impl Lengths {
    /// Cuts bytes into pieces, some of which may be empty; into one if all would be.
    pub fn cut(self, bytes: &[u8]) -> Vec<Bytes> {
        if self.0.iter().all(|length| *length == 0) {
            return vec![Bytes::copy_from_slice(bytes)];
        }
        let mut rest = Input::new(bytes);
        let mut pieces = vec![];
        for length in self.0.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            pieces.push(Bytes::copy_from_slice(rest.bytes(length)));
        }
        pieces
    }
}
