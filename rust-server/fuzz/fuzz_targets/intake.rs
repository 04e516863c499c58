//! The length prefix of gRPC: a body that is cut anywhere comes out unchanged, message by message, within the limit of
//! a message, and what it took of the budget is given back.
#![no_main]

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::input::Input;
use offgil_server::{
    budget::{Budget, SMALL},
    call::Call,
    edge::intake::{Intake, IntakeLimits},
};
use tokio::runtime::{Builder, Runtime};

const PREFIX: usize = 5;
/// Of the sizes that an input has two bytes for.
const SCALE: usize = 16;
const LONGEST_BODY: usize = 1 << 18;
/// For the longest body, and as much again that is taken ahead of it.
const AMPLE: usize = 8 * LONGEST_BODY;

/// For the timer of a body that makes its reader wait.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
});
/// How much the body has given so far.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// A body in pieces, with a pause in the place of an empty one.
struct Pieces {
    pieces: VecDeque<Bytes>,
    has_paused: bool,
}

/// Messages as their prefixes say.
#[derive(Default)]
struct Framing {
    /// The ends of those that are complete.
    ends: Vec<usize>,
    /// The beginning of the first one over the limit.
    over: Option<usize>,
}

fuzz_target!(|data: &[u8]| {
    let _entered = RUNTIME.enter();
    let mut input = Input::new(data);
    let max_message_bytes = input.number() * SCALE;
    let limit = input.number() * SCALE;
    let is_ample = limit == 0;
    let limit = if is_ample { AMPLE } else { limit };
    // One half of a budget is for requests.
    let budget = Budget::new(2 * limit, Duration::ZERO);
    let lengths = input.lengths();
    let body = body(input);
    let framing = Framing::of(&body, max_message_bytes);
    let limits = IntakeLimits {
        max_message_bytes,
        upload_timeout: Duration::from_secs(3600),
    };

    GIVEN.store(0, Ordering::Relaxed);
    let pieces = Pieces {
        pieces: lengths.cut(&body).into(),
        has_paused: false,
    };
    let call = Call::begin("", &http::HeaderMap::new(), &budget);
    let mut intake = Intake::new(call, pieces, limits);
    let mut out = vec![];
    let ended = loop {
        let polled = Pin::new(&mut intake).poll_frame(&mut Context::from_waker(Waker::noop()));
        let given = GIVEN.load(Ordering::Relaxed);
        assert!(budget.taken() <= limit);
        assert!(
            budget.taken() <= 2 * given + SMALL,
            "{} of {given}",
            budget.taken()
        );
        match polled {
            Poll::Pending => {}
            Poll::Ready(None) => break Ok(()),
            Poll::Ready(Some(Err(error))) => break Err(error),
            Poll::Ready(Some(Ok(frame))) => {
                out.extend_from_slice(&frame.into_data().expect("data"));
                assert!(out.len() <= framing.complete(given, body.len()));
                assert!(budget.taken() >= out.len().min(framing.last_end()));
            }
        }
    };

    assert!(body.starts_with(&out));
    match (&ended, framing.over) {
        (Ok(()), None) => assert_eq!(out.len(), body.len()),
        (Ok(()), Some(_)) => panic!("a message over the limit has passed"),
        (Err(error), over) => {
            let message = error.to_string();
            let is_over = message.contains("over the limit of");
            assert!(is_over && over.is_some() || message.contains("overloaded") && !is_ample);
            assert!(out.len() <= over.unwrap_or(body.len()));
        }
    }
    drop(intake);
    assert_eq!(budget.taken(), 0);
});

/// Returns the body that an input describes: bytes as they are, and messages of any length.
fn body(mut input: Input<'_>) -> Vec<u8> {
    let mut body = vec![];
    while !input.is_empty() && body.len() < LONGEST_BODY {
        match input.byte() {
            0 => {
                let length = input.number() * usize::from(input.byte() % 4);
                body.push(0);
                body.extend_from_slice(&(length as u32).to_be_bytes());
                body.extend((0..length).map(|index| index as u8));
            }
            count => body.extend_from_slice(input.bytes(count.into())),
        }
    }
    body
}

// === impl Pieces ===

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let is_pause = self.pieces.front().is_some_and(Bytes::is_empty);
        if is_pause && !self.has_paused {
            self.has_paused = true;
            return Poll::Pending;
        }
        self.has_paused = false;
        let piece = self.pieces.pop_front();
        if let Some(piece) = &piece {
            GIVEN.fetch_add(piece.len(), Ordering::Relaxed);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }
}

// === impl Framing ===

impl Framing {
    fn of(body: &[u8], limit: usize) -> Self {
        let mut framing = Self::default();
        let mut start = 0;
        while let Some([_flag, length @ ..]) = body[start..].first_chunk::<PREFIX>() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > limit {
                framing.over = Some(start);
                break;
            }
            start += PREFIX + length;
            if start > body.len() {
                break;
            }
            framing.ends.push(start);
        }
        framing
    }

    /// Returns how much may come out once so much has been given: whole messages, and at the end the rest.
    fn complete(&self, given: usize, whole: usize) -> usize {
        if given == whole {
            return whole;
        }
        let complete = self.ends.partition_point(|end| *end <= given);
        complete.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    fn last_end(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}
