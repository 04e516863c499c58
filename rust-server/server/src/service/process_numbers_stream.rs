//! `ProcessNumbersStream`: a dataset of any length, chunk by chunk, in bounded memory.

use bytes::Bytes;
use offgil_kernels::{
    Context, Kernel,
    builtin::process_numbers::{DEFAULT_ROUNDS, MAX_ROUNDS, ProcessNumbers},
};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::process_numbers::{WIDTH, cost, process_packed};
use crate::{
    call::Call,
    error::Error,
    invocation::{Invoker, timed},
    proto::{
        ProcessNumbersStreamEnd, ProcessNumbersStreamRequest, ProcessNumbersStreamResponse,
        process_numbers_stream_request::Message as Received,
        process_numbers_stream_response::Message as Sent,
    },
};

/// A dataset on its way through.
struct Dataset {
    invoker: Invoker,
    call: Call,
    requests: Streaming<ProcessNumbersStreamRequest>,
    rounds: u32,
    /// Holds what the last chunk takes until its results have been passed on.
    part: Option<Call>,
    /// How many numbers went through so far.
    count: u64,
    ended: bool,
}

pub(super) async fn answer(
    invoker: Invoker,
    call: Call,
    mut requests: Streaming<ProcessNumbersStreamRequest>,
) -> Result<impl Stream<Item = Result<ProcessNumbersStreamResponse, Status>>, Status> {
    call.note_kernel(ProcessNumbers.spec().name);
    let rounds = match receive(&mut requests).await? {
        Some(Received::Header(header)) => header.rounds.unwrap_or(DEFAULT_ROUNDS),
        _ => {
            return Err(
                Error::out_of_order("the first message of the stream must be its header").into(),
            );
        }
    };
    if rounds > MAX_ROUNDS {
        let message = format!("Input should be less than or equal to {MAX_ROUNDS}");
        return Err(Error::field("header.rounds", "less_than_equal", message).into());
    }
    let dataset = Dataset {
        invoker,
        call,
        requests,
        rounds,
        part: None,
        count: 0,
        ended: false,
    };
    Ok(futures_util::stream::try_unfold(dataset, Dataset::next))
}

// === impl Dataset ===

impl Dataset {
    /// Returns the answer to the next message, and what is left of the dataset.
    async fn next(mut self) -> Result<Option<(ProcessNumbersStreamResponse, Self)>, Status> {
        self.part = None;
        if self.ended {
            return Ok(None);
        }
        let message = match receive(&mut self.requests).await? {
            Some(Received::PackedNumbers(chunk)) => Sent::PackedResults(self.chunk(chunk).await?),
            Some(Received::End(end)) => Sent::End(self.end(end)?),
            Some(Received::Header(_)) => {
                return Err(Error::out_of_order("a stream has one header").into());
            }
            None => {
                return Err(Error::out_of_order("the stream ended without its end marker").into());
            }
        };
        let message = Some(message);
        Ok(Some((ProcessNumbersStreamResponse { message }, self)))
    }

    async fn chunk(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let count = chunk.len() / WIDTH;
        let rounds = self.rounds;
        let part = &*self.part.insert(self.call.part());
        part.holding().take_for_results(chunk.len()).await?;
        let job = move |context: &Context| process_packed(chunk, rounds, context);
        let name = ProcessNumbers.spec().name;
        let results = self
            .invoker
            .execute(part, name, cost(count), timed(part, job))
            .await?;
        self.count += count as u64;
        self.call.note_count(count);
        Ok(results)
    }

    /// Answers the end marker; what follows it is not read.
    fn end(&mut self, end: ProcessNumbersStreamEnd) -> Result<ProcessNumbersStreamEnd, Error> {
        let count = self.count;
        if end.count != count {
            let message = format!("{count} numbers arrived, not {}", end.count);
            return Err(Error::field("end.count", "count_mismatch", message));
        }
        self.ended = true;
        Ok(ProcessNumbersStreamEnd { count })
    }
}

/// Returns the next message; nothing at the end of the stream.
async fn receive(
    requests: &mut Streaming<ProcessNumbersStreamRequest>,
) -> Result<Option<Received>, Status> {
    match requests.message().await? {
        None => Ok(None),
        Some(ProcessNumbersStreamRequest {
            message: Some(message),
        }) => Ok(Some(message)),
        Some(_) => Err(Error::out_of_order("a message of the stream is empty").into()),
    }
}
