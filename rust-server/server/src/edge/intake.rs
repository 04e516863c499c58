//! Takes a request in: message by message, within the limit of a message and the budget of the process.
//!
//! A gRPC message is a flag byte, a length of four bytes (big-endian), and so many bytes. The decoder behind this
//! body reserves memory for the length that is announced, so a message reaches it only when it is complete:
//! announcing costs the peer nothing and gives it nothing. Until then its pieces are kept as they came.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{call::Call, error::Error};

const PREFIX: usize = 5;
/// The first bytes that a message takes from the budget, which is what its stream costs besides; then as many again as
/// it has, for a piece that arrives.
const FIRST_SHARE: usize = 16 * 1024;
/// Shorter pieces are copied together: each may hold on to a buffer much longer than itself.
const SHORT_PIECE: usize = 4096;
/// So many bytes have to arrive of an unfinished message in each period.
const PROGRESS: usize = 64 * 1024;
/// The period if memory is short.
const PERIOD_IF_SHORT: Duration = Duration::from_secs(1);

/// What holds for every message of a request.
#[derive(Clone, Copy, Debug)]
pub struct IntakeLimits {
    /// Bytes of one message.
    pub max_message_bytes: usize,
    /// A message that does not get on for so long is given up.
    pub upload_timeout: Duration,
}

/// The request body of a call.
#[derive(Debug)]
pub struct Intake<B> {
    call: Call,
    body: B,
    limits: IntakeLimits,
    scanner: Scanner,
    /// Pieces of the message that is not complete yet.
    held: Held,
    /// Pieces of complete messages.
    ready: VecDeque<Bytes>,
    /// Whether a message has been completed; a stream may rest between messages.
    has_begun: bool,
    stall: Stall,
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

/// What a scanner found in a piece.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// How many bytes belong to complete messages.
    complete: usize,
}

#[derive(Debug, Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    /// Short pieces, after all others.
    tail: BytesMut,
    bytes: usize,
    /// What has been taken from the budget for them.
    taken: usize,
}

/// Watches an upload that makes its reader wait.
#[derive(Debug, Default)]
struct Stall {
    /// Set once the body made its reader wait in the middle of a message.
    timer: Option<Pin<Box<Sleep>>>,
    began: Option<Instant>,
    /// What has arrived since it began to wait.
    arrived: usize,
}

// === impl Intake ===

impl<B> Intake<B> {
    /// Takes in the body of `call`.
    pub fn new(call: Call, body: B, limits: IntakeLimits) -> Self {
        Self {
            call,
            body,
            limits,
            scanner: Scanner::default(),
            held: Held::default(),
            ready: VecDeque::new(),
            has_begun: false,
            stall: Stall::default(),
        }
    }

    /// Takes a piece; returns it if it can go on as it is.
    fn take(&mut self, mut piece: Bytes) -> Result<Option<Bytes>, Error> {
        self.stall.arrived += piece.len();
        let limit = self.limits.max_message_bytes;
        let Found { complete } = self.scanner.scan(&piece, limit)?;
        if complete > 0 {
            self.has_begun = true;
            self.stall = Stall::default();
        }
        if self.held.bytes == 0 && complete == piece.len() {
            // Whole messages, as nearly all small ones come.
            self.call.holding().take(complete)?;
            return Ok(Some(piece));
        }
        if complete > 0 {
            let end = piece.split_to(complete);
            let more = (self.held.bytes + end.len()).saturating_sub(self.held.taken);
            self.call.holding().take(more)?;
            self.held.push(end);
            self.held.hand_over(&mut self.ready);
        }
        if !piece.is_empty() {
            self.held.push(piece);
            let total = self.held.bytes + self.scanner.remaining;
            let wanted = self.held.share(total);
            let more = wanted.saturating_sub(self.held.taken);
            self.call.holding().take_unfinished(more)?;
            self.held.taken = wanted;
        }
        Ok(None)
    }

    /// Waits for the rest of a message; an error if it does not get on.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if self.has_begun && self.held.bytes == 0 {
            return Poll::Pending;
        }
        let budget = self.call.holding().budget();
        loop {
            let period = if budget.is_short() {
                PERIOD_IF_SHORT
            } else {
                self.limits.upload_timeout
            };
            let Some(began) = self.stall.began else {
                self.stall.began = Some(Instant::now());
                self.stall.arrived = 0;
                continue;
            };
            if began.elapsed() >= period {
                if self.stall.arrived < PROGRESS {
                    // One that had a longer time if there were memory is to come back.
                    return Poll::Ready(if period < self.limits.upload_timeout {
                        budget.refusal(self.held.bytes + self.scanner.remaining)
                    } else {
                        Error::UploadStalled { period }
                    });
                }
                self.stall = Stall::default();
                continue;
            }
            // Often enough to notice that memory has become short.
            let tick = period.min(PERIOD_IF_SHORT);
            let timer = self
                .stall
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + tick)));
            ready!(timer.as_mut().poll(cx));
            self.stall.timer = None;
        }
    }
}

impl<B> Body for Intake<B>
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
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                let error = ready!(this.poll_stall(cx));
                return Poll::Ready(Some(Err(error.into_body_error())));
            };
            let Some(frame) = frame else {
                // What is left is no whole message, and the decoder says so.
                this.held.hand_over(&mut this.ready);
                return Poll::Ready(this.ready.pop_front().map(|piece| Ok(Frame::data(piece))));
            };
            let frame = frame.map_err(|error| {
                // To the decoder this is the end of the request, as if it were whole.
                this.call.note_caller_left();
                error.into()
            })?;
            match frame.into_data() {
                Ok(piece) => {
                    if let Some(piece) = this.take(piece).map_err(Error::into_body_error)? {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.held.bytes == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

// === impl Scanner ===

impl Scanner {
    /// Goes on through `data`, which may hold parts of several messages.
    fn scan(&mut self, data: &[u8], limit: usize) -> Result<Found, Error> {
        let (mut at, mut complete) = (0, 0);
        while at < data.len() {
            if self.filled < PREFIX {
                let taken = (PREFIX - self.filled).min(data.len() - at);
                self.prefix[self.filled..self.filled + taken]
                    .copy_from_slice(&data[at..at + taken]);
                self.filled += taken;
                at += taken;
                if self.filled < PREFIX {
                    break;
                }
                let [_flag, length @ ..] = self.prefix;
                let length = u32::from_be_bytes(length) as usize;
                if length > limit {
                    return Err(Error::TooLarge {
                        what: "message",
                        limit,
                    });
                }
                self.remaining = length;
            } else {
                let taken = self.remaining.min(data.len() - at);
                self.remaining -= taken;
                at += taken;
            }
            if self.remaining == 0 {
                self.filled = 0;
                complete = at;
            }
        }
        Ok(Found { complete })
    }
}

// === impl Held ===

impl Held {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() < SHORT_PIECE {
            self.tail.extend_from_slice(&piece);
            return;
        }
        self.close_tail();
        self.pieces.push_back(piece);
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    /// Returns how many bytes of a message of `total` bytes should be taken from the budget.
    fn share(&self, total: usize) -> usize {
        let mut share = self.taken.max(FIRST_SHARE);
        while share < self.bytes {
            share *= 2;
        }
        share.min(total)
    }

    /// Passes the pieces of a complete message on; the call goes on holding their bytes.
    fn hand_over(&mut self, ready: &mut VecDeque<Bytes>) {
        self.close_tail();
        ready.append(&mut self.pieces);
        (self.bytes, self.taken) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::budget::Budget;

    const LIMITS: IntakeLimits = IntakeLimits {
        max_message_bytes: 1 << 20,
        upload_timeout: Duration::from_secs(10),
    };

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        bytes.resize(PREFIX + length, 0xff);
        bytes
    }

    fn pieces(body: &[u8], cut: usize) -> Vec<Bytes> {
        body.chunks(cut).map(Bytes::copy_from_slice).collect()
    }

    fn frame(piece: Bytes) -> Result<Frame<Bytes>, Infallible> {
        Ok(Frame::data(piece))
    }

    fn budget_of(limit: usize) -> Budget {
        Budget::new(limit, Duration::ZERO)
    }

    fn call(budget: &Budget) -> Call {
        Call::begin("", &http::HeaderMap::new(), budget)
    }

    /// Returns the pieces that come out of a body that ends, or the error.
    async fn through(
        pieces: Vec<Bytes>,
        limits: IntakeLimits,
        budget: &Budget,
    ) -> Result<Vec<Bytes>, String> {
        let body = StreamBody::new(tokio_stream::iter(pieces.into_iter().map(frame)));
        let mut intake = Intake::new(call(budget), body, limits);
        let mut out = Vec::new();
        while let Some(frame) = intake.frame().await {
            let frame = frame.map_err(|error| error.to_string())?;
            out.extend(frame.into_data());
        }
        Ok(out)
    }

    proptest! {
        #[test]
        fn passes_a_body_on_unchanged_wherever_it_is_cut(
            lengths in proptest::collection::vec(0_usize..9000, 0..8),
            cut in 1_usize..20_000,
            rest in 0_usize..8,
        ) {
            let mut body: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            body.extend(message(100).into_iter().take(rest));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let budget = budget_of(2 << 20);
            let out = runtime.expect("a runtime").block_on(through(pieces(&body, cut), LIMITS, &budget));
            prop_assert_eq!(out.expect("within the limit").concat(), body);
            prop_assert_eq!(budget.taken(), 0);
        }

        #[test]
        fn refuses_the_message_over_the_limit_wherever_the_body_is_cut(
            lengths in proptest::collection::vec(0_usize..40, 0..8),
            cut in 1_usize..50,
        ) {
            let body: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            let mut scanner = Scanner::default();
            let scanned = body.chunks(cut).try_for_each(|piece| scanner.scan(piece, 30).map(drop));
            prop_assert_eq!(scanned.is_err(), lengths.iter().any(|length| *length > 30));
        }
    }

    #[test]
    fn needs_only_the_prefix_to_refuse() {
        let announced = [0, 0xff, 0xff, 0xff, 0xff];
        assert!(Scanner::default().scan(&announced, 1 << 20).is_err());
    }

    #[tokio::test]
    async fn keeps_a_message_back_until_it_is_complete() {
        let budget = budget_of(128 << 20);
        let mut body = message(500_000);
        let last = body.split_off(400_000);
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        let body_stream = tokio_stream::iter(pieces(&body, 10_000)).map(frame);
        let rest = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (frame(piece), receiver))
        });
        let body = StreamBody::new(Box::pin(body_stream.chain(rest)));
        let mut intake = Intake::new(call(&budget), body, LIMITS);
        let waiting = tokio::time::timeout(Duration::from_millis(20), intake.frame());
        assert!(waiting.await.is_err(), "nothing comes out yet");
        // What has arrived is counted, and at most as much again.
        assert!(
            (400_000..=500_005).contains(&budget.taken()),
            "{}",
            budget.taken()
        );
        sender.send(last.into()).await.expect("the body is read");
        let piece = intake
            .frame()
            .await
            .expect("a frame")
            .expect("it is complete");
        assert!(piece.is_data());
        assert_eq!(budget.taken(), 500_005);
        drop(intake);
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test]
    async fn an_announcement_takes_no_more_than_a_first_share() {
        let budget = budget_of(128 << 20);
        let announced = Bytes::from(message(1_000_000)).slice(..PREFIX);
        let body = StreamBody::new(Box::pin(
            tokio_stream::once(frame(announced)).chain(tokio_stream::pending()),
        ));
        let mut intake = Intake::new(call(&budget), body, LIMITS);
        let waiting = tokio::time::timeout(Duration::from_millis(20), intake.frame());
        assert!(waiting.await.is_err());
        assert_eq!(budget.taken(), FIRST_SHARE);
    }

    #[tokio::test]
    async fn refuses_what_goes_over_the_budget() {
        let budget = budget_of(2 << 20);
        let body = message((1 << 20) - PREFIX);
        let refused = through(pieces(&body, 100_000), LIMITS, &budget).await;
        let message = refused.expect_err("an eighth is for small calls");
        assert!(message.contains("memory"), "{message}");
        assert_eq!(budget.taken(), 0);
    }

    /// Returns after how long an upload of so many bytes a second is given up.
    async fn given_up_after(bytes_per_second: usize, budget: &Budget) -> Option<Duration> {
        let began = Instant::now();
        let body = message(1_000_000);
        let (first, rest) = body.split_at(100_000);
        let first = tokio_stream::once(frame(Bytes::copy_from_slice(first)));
        let slow = tokio_stream::iter(pieces(rest, bytes_per_second))
            .map(frame)
            .then(|frame| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                frame
            });
        let body = StreamBody::new(Box::pin(first.chain(slow)));
        let mut intake = Intake::new(call(budget), body, LIMITS);
        match intake.frame().await.expect("a frame") {
            Ok(_) => None,
            Err(_) => Some(began.elapsed()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn gives_an_upload_up_that_does_not_get_on() {
        let budget = budget_of(128 << 20);
        assert_eq!(given_up_after(10_000, &budget).await, None);
        let after = given_up_after(1, &budget).await.expect("given up");
        assert!((9..=12).contains(&after.as_secs()), "{after:?}");
    }

    #[tokio::test]
    async fn gives_it_up_sooner_while_memory_is_short() {
        let budget = budget_of(2 << 20);
        let hog = budget.hold();
        hog.take(700_000).expect("there is room");
        assert!(hog.take(1 << 20).is_err());
        let body = message(900_000);
        let first = tokio_stream::once(frame(Bytes::copy_from_slice(&body[..100_000])));
        let body = StreamBody::new(Box::pin(first.chain(tokio_stream::pending())));
        let mut intake = Intake::new(call(&budget), body, LIMITS);
        let refused = async {
            loop {
                // Others are refused meanwhile.
                let _ = hog.take(1 << 20);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), async {
            tokio::select! {
                frame = intake.frame() => frame,
                () = refused => None,
            }
        });
        let frame = waited.await.expect("within seconds").expect("a frame");
        let error = frame.expect_err("given up").to_string();
        assert!(error.contains("overloaded"), "it is to come back: {error}");
    }
}
