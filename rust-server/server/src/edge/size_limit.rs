//! Refuses a message by its announced length, before a byte of it is kept.
//!
//! A gRPC message is a flag byte, a length of four bytes (big-endian), and so many bytes. The decoder
//! behind this body reserves memory for the announced length, so the length is looked at first.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{call::Call, error::Error};

const PREFIX: usize = 5;

/// The request body of a call, whose messages are at most so many bytes long.
#[derive(Debug)]
pub struct SizeLimited<B> {
    call: Call,
    body: B,
    limit: usize,
    scanner: Scanner,
}

/// Follows the framing of messages through a body that is cut anywhere.
#[derive(Debug, Default)]
struct Scanner {
    prefix: [u8; PREFIX],
    /// How much of the prefix has arrived.
    filled: usize,
    /// How much of the message is still to come.
    remaining: usize,
}

// === impl SizeLimited ===

impl<B> SizeLimited<B> {
    /// Limits the messages of the body of `call`.
    pub fn new(call: Call, body: B, limit: usize) -> Self {
        Self {
            call,
            body,
            limit,
            scanner: Scanner::default(),
        }
    }
}

impl<B> Body for SizeLimited<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| {
                // To the decoder this is the end of the request, as if it were whole.
                this.call.note_caller_left();
                error.into()
            })?;
            if let Some(data) = frame.data_ref() {
                this.scanner
                    .scan(data, this.limit)
                    .map_err(Error::into_body_error)?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Scanner ===

impl Scanner {
    fn scan(&mut self, mut data: &[u8], limit: usize) -> Result<(), Error> {
        while !data.is_empty() {
            if self.remaining > 0 {
                let skipped = self.remaining.min(data.len());
                self.remaining -= skipped;
                data = &data[skipped..];
                continue;
            }
            let taken = (PREFIX - self.filled).min(data.len());
            self.prefix[self.filled..self.filled + taken].copy_from_slice(&data[..taken]);
            self.filled += taken;
            data = &data[taken..];
            if self.filled == PREFIX {
                let [_flag, length @ ..] = self.prefix;
                let length = u32::from_be_bytes(length) as usize;
                if length > limit {
                    return Err(Error::TooLarge {
                        what: "message",
                        limit,
                    });
                }
                self.filled = 0;
                self.remaining = length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        bytes.resize(PREFIX + length, 0xff);
        bytes
    }

    proptest! {
        #[test]
        fn finds_the_message_over_the_limit_wherever_the_body_is_cut(
            lengths in proptest::collection::vec(0_usize..40, 0..8),
            cut in 1_usize..50,
        ) {
            let limit = 30;
            let body: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            let mut scanner = Scanner::default();
            let scanned = body.chunks(cut).try_for_each(|piece| scanner.scan(piece, limit));
            prop_assert_eq!(scanned.is_err(), lengths.iter().any(|length| *length > limit));
        }
    }

    #[test]
    fn needs_only_the_prefix() {
        let announced = [0, 0xff, 0xff, 0xff, 0xff];
        assert!(Scanner::default().scan(&announced, 1 << 20).is_err());
    }
}
