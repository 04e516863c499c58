//! `ProcessNumbers` and `ProcessNumbersStream`, from the bytes of a request to those of its answer: the answer is that
//! of a literal computation, and what is no request is refused.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{
    in_process::{Answer, call, framed},
    input::Input,
};
use offgil_server::proto::{
    ProcessNumbersRequest, ProcessNumbersResponse, ProcessNumbersStreamRequest,
    ProcessNumbersStreamResponse, process_numbers_stream_request::Message as Sent,
    process_numbers_stream_response::Message as Received,
};
use prost::Message;

const UNARY: &str = "/offgil.v1.ComputeService/ProcessNumbers";
const STREAM: &str = "/offgil.v1.ComputeService/ProcessNumbersStream";
const WIDTH: usize = 8;
const DEFAULT_ROUNDS: u32 = 1000;
const MAX_ROUNDS: u32 = 1_000_000;
/// Numbers times rounds of a literal computation that is made.
const MOST_STEPS: usize = 100_000;
const INVALID_ARGUMENT: i32 = 3;

/// The results of some numbers, unless computing them literally takes too long.
struct Expected {
    count: usize,
    results: Option<Vec<i64>>,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let kind = input.byte() % 4;
    let lengths = input.lengths();
    match kind {
        0 => {
            let message = input.rest();
            let answer = call(UNARY, lengths.cut(&framed(message)));
            check_unary(message, &answer);
        }
        1 => {
            let messages = messages(input);
            let body: Vec<u8> = messages
                .iter()
                .flat_map(|message| framed(message))
                .collect();
            check_stream(&messages, &call(STREAM, lengths.cut(&body)));
        }
        // Not even the framing is right.
        raw => {
            let path = if raw == 2 { UNARY } else { STREAM };
            call(path, lengths.cut(input.rest()));
        }
    }
});

/// Returns the messages that an input holds, each behind its length in one byte.
fn messages(mut input: Input<'_>) -> Vec<&[u8]> {
    let mut messages = vec![];
    while !input.is_empty() {
        let length = input.byte();
        messages.push(input.bytes(length.into()));
    }
    messages
}

fn check_unary(message: &[u8], answer: &Answer) {
    let Ok(request) = ProcessNumbersRequest::decode(Bytes::copy_from_slice(message)) else {
        assert_ne!(answer.code, 0);
        return;
    };
    let rounds = request.rounds.unwrap_or(DEFAULT_ROUNDS);
    let expected = match (&request.packed_numbers, &request.numbers[..]) {
        (Some(packed), []) => of_packed(packed, rounds),
        (None, numbers @ [_, ..]) => of_numbers(numbers, rounds),
        _ => None,
    };
    let Some(expected) = expected else {
        assert_eq!(answer.code, INVALID_ARGUMENT);
        return;
    };
    assert_eq!(answer.code, 0);
    let response = ProcessNumbersResponse::decode(answer.messages[0].clone()).expect("a response");
    match response.packed_results {
        Some(packed) => {
            assert!(request.packed_numbers.is_some() && response.results.is_empty());
            expected.check(&unpacked(&packed).expect("whole numbers"));
        }
        None => {
            assert!(request.packed_numbers.is_none());
            expected.check(&response.results);
        }
    }
}

fn check_stream(messages: &[&[u8]], answer: &Answer) {
    let mut received = answer.messages.iter().map(|message| {
        let message = ProcessNumbersStreamResponse::decode(message.clone());
        message.expect("a response").message.expect("it is set")
    });
    let (mut rounds, mut count) = (None, 0);
    for message in messages {
        let Ok(request) = ProcessNumbersStreamRequest::decode(Bytes::copy_from_slice(message))
        else {
            assert_ne!(answer.code, 0);
            assert!(received.next().is_none());
            return;
        };
        match (rounds, request.message) {
            (None, Some(Sent::Header(header))) if header.rounds.is_none_or(|r| r <= MAX_ROUNDS) => {
                rounds = Some(header.rounds.unwrap_or(DEFAULT_ROUNDS));
            }
            (Some(rounds), Some(Sent::PackedNumbers(packed))) => {
                let Some(expected) = of_packed(&packed, rounds) else {
                    break;
                };
                let Some(Received::PackedResults(packed)) = received.next() else {
                    panic!("a chunk has no results");
                };
                count += expected.count as u64;
                expected.check(&unpacked(&packed).expect("whole numbers"));
            }
            (Some(_), Some(Sent::End(end))) if end.count == count => {
                assert!(matches!(received.next(), Some(Received::End(end)) if end.count == count));
                assert!(received.next().is_none());
                assert_eq!(answer.code, 0);
                return;
            }
            _ => break,
        }
    }
    // Something was wrong, or the end was missing.
    assert!(received.next().is_none());
    assert_eq!(answer.code, INVALID_ARGUMENT);
}

fn of_packed(packed: &[u8], rounds: u32) -> Option<Expected> {
    of_numbers(&unpacked(packed)?, rounds)
}

/// Computes the results; nothing if there are too many rounds.
fn of_numbers(numbers: &[i64], rounds: u32) -> Option<Expected> {
    let steps = numbers.len().saturating_mul(rounds as usize);
    let results = || numbers.iter().map(|number| literal(*number, rounds));
    (rounds <= MAX_ROUNDS).then(|| Expected {
        count: numbers.len(),
        results: (steps <= MOST_STEPS).then(|| results().collect()),
    })
}

fn literal(number: i64, rounds: u32) -> i64 {
    let step = |number: i64, _| number.wrapping_add(1).wrapping_mul(2) % 1_000_000_007;
    (0..rounds).fold(number, step)
}

/// Returns packed numbers; nothing if they are no whole ones.
fn unpacked(packed: &[u8]) -> Option<Vec<i64>> {
    let (numbers, rest) = packed.as_chunks::<WIDTH>();
    let numbers = numbers.iter().map(|number| i64::from_le_bytes(*number));
    rest.is_empty().then(|| numbers.collect())
}

// === impl Expected ===

impl Expected {
    fn check(&self, results: &[i64]) {
        assert_eq!(results.len(), self.count);
        if let Some(expected) = &self.results {
            assert_eq!(results, expected);
        }
    }
}
