//! JSON arguments: the fast reader makes of a text what the exact one makes of it, however it is cut; a syntax error
//! comes before any other; and arguments that are written are read as themselves.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{
    image::{image, images},
    input::Input,
    kernels,
    mirror::Mirror,
};
use offgil_kernels::{Arguments, KernelSpec};
use offgil_server::{
    codec::{
        joined,
        json::{Reader, Strictness, read_arguments, write_results},
    },
    error::Error,
};
use serde::de::IgnoredAny;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let spec = kernels::chosen(input.byte().into()).spec();
    let strictness = [Strictness::STRICT, Strictness::LAX, Strictness::DIGITS];
    let strictness = strictness[usize::from(input.byte()) % strictness.len()];
    let lengths = input.lengths();
    let text = input.rest();

    let exact = read_arguments(spec, text, strictness);
    for pieces in [vec![Bytes::copy_from_slice(text)], lengths.cut(text)] {
        check_same(&read(spec, strictness, pieces), &exact);
    }
    // Not from bytes: then what is ignored may be no UTF-8.
    let is_json =
        str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    match &exact {
        Err(Error::Json { position, .. }) => assert!(*position <= text.len()),
        Err(Error::Argument { .. }) => assert!(is_json),
        Err(error) => panic!("{error}"),
        Ok(arguments) => {
            assert!(is_json);
            kernels::check_arguments(spec, arguments);
            check_written(spec, arguments);
        }
    }
});

fn read(
    spec: &'static KernelSpec,
    strictness: Strictness,
    pieces: Vec<Bytes>,
) -> Result<Arguments, Error> {
    let mut reader = Reader::new(spec, strictness);
    for piece in pieces {
        reader.feed(piece);
    }
    reader.finish()
}

fn check_same(read: &Result<Arguments, Error>, exact: &Result<Arguments, Error>) {
    match (read, exact) {
        (Ok(read), Ok(exact)) => assert_eq!(images(read), images(exact)),
        _ => assert_eq!(read.as_ref().err(), exact.as_ref().err()),
    }
}

fn check_written(spec: &KernelSpec, arguments: &Arguments) {
    let mirror = Mirror::of(spec);
    let results = mirror.results(arguments);
    let text = joined(write_results(mirror.spec, &results));
    let again =
        read_arguments(mirror.spec, &text, Strictness::STRICT).expect("it is what was written");
    let same = again.values().iter().zip(&results);
    for (again, result) in same {
        assert_eq!(image(again), image(result));
    }
}
