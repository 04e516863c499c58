//! Tests of reading and writing together.

use offgil_kernels::{Array, Catalogue, Element, Scalar, Value};
use proptest::prelude::*;

use super::*;
use crate::codec::joined;

fn read(text: &str, strictness: Strictness) -> Result<Vec<Value>, Error> {
    let catalogue = Catalogue::built_in();
    let kernel = catalogue.get("process_numbers").expect("it is built in");
    let arguments = read_arguments(kernel.spec(), text.as_bytes(), strictness)?;
    Ok(arguments.values().to_vec())
}

fn numbers(list: &[i64], rounds: i64) -> Result<Vec<Value>, Error> {
    Ok(vec![
        Value::vector(list.to_vec()),
        Value::Scalar(Scalar::Int64(rounds)),
    ])
}

/// Returns the field and the kind of the fault that lax reading finds.
fn fault(text: &str) -> (String, &'static str) {
    match read(text, Strictness::LAX) {
        Err(Error::Argument { field, kind, .. }) => (field, kind),
        other => panic!("{text} gives {other:?}"),
    }
}

#[test]
fn reads_arguments_in_any_order_with_defaults() {
    for strictness in [Strictness::STRICT, Strictness::LAX] {
        let read = |text| read(text, strictness);
        assert_eq!(read(r#"{"numbers":[1,-2]}"#), numbers(&[1, -2], 1000));
        assert_eq!(
            read(r#" { "rounds" : 3 , "numbers" : [ ] } "#),
            numbers(&[], 3)
        );
        assert_eq!(read(r#"{"n\u0075mbers":[-0]}"#), numbers(&[0], 1000));
    }
}

#[test]
fn reads_the_whole_range() {
    let text = format!(r#"{{"numbers":[{},{}]}}"#, i64::MIN, i64::MAX);
    assert_eq!(
        read(&text, Strictness::STRICT),
        numbers(&[i64::MIN, i64::MAX], 1000)
    );
}

#[test]
fn coerces_only_when_lax() {
    for (element, number) in [
        ("3.0", 3),
        ("-3e2", -300),
        ("true", 1),
        ("false", 0),
        (r#""3""#, 3),
        (r#""-42""#, -42),
    ] {
        let text = format!(r#"{{"numbers":[{element}]}}"#);
        assert_eq!(
            read(&text, Strictness::LAX),
            numbers(&[number], 1000),
            "{text}"
        );
        assert!(read(&text, Strictness::STRICT).is_err(), "{text}");
    }
}

#[test]
fn takes_the_last_of_repeated_members_and_ignores_unknown_ones_only_when_lax() {
    let repeated = r#"{"numbers":["x"],"numbers":[1],"unknown":{"a":[null]}}"#;
    assert_eq!(read(repeated, Strictness::LAX), numbers(&[1], 1000));
    let strict = |text| match read(text, Strictness::STRICT) {
        Err(Error::Argument { field, kind, .. }) => (field, kind),
        other => panic!("{text} gives {other:?}"),
    };
    assert_eq!(strict(repeated), ("numbers".into(), "repeated"));
    assert_eq!(
        strict(r#"{"numbers":[],"m":1}"#),
        ("m".into(), "extra_forbidden")
    );
}

#[test]
fn refuses_more_named_arguments_than_a_kernel_takes() {
    let catalogue = Catalogue::built_in();
    let kernel = catalogue.get("evaluate").expect("it is built in");
    let vectors: String = (0..1030).map(|n| format!(r#","a{n}":[]"#)).collect();
    let text = format!(r#"{{"expression":"1"{vectors}}}"#);
    for strictness in [Strictness::LAX, Strictness::STRICT] {
        match read_arguments(kernel.spec(), text.as_bytes(), strictness) {
            Err(Error::Argument { field, kind, .. }) => {
                assert_eq!((field.as_str(), kind), ("a1024", "too_long"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn locates_faults() {
    for (text, field, kind) in [
        ("[1]", "", "model_attributes_type"),
        ("null", "", "model_attributes_type"),
        ("{}", "numbers", "missing"),
        (r#"{"numbers":null}"#, "numbers", "list_type"),
        (r#"{"numbers":"12"}"#, "numbers", "list_type"),
        (r#"{"numbers":{"a":1}}"#, "numbers", "list_type"),
        (r#"{"numbers":[1,"x"]}"#, "numbers[1]", "int_parsing"),
        (r#"{"numbers":[1,2,1.5]}"#, "numbers[2]", "int_from_float"),
        (r#"{"numbers":[null]}"#, "numbers[0]", "int_type"),
        (r#"{"numbers":[[1]]}"#, "numbers[0]", "int_type"),
        (r#"{"numbers":[{"a":[1]}]}"#, "numbers[0]", "int_type"),
        (r#"{"numbers":[1e400]}"#, "numbers[0]", "finite_number"),
        (r#"{"numbers":["\ud800"]}"#, "numbers[0]", "int_parsing"),
        (
            r#"{"numbers":[9223372036854775808]}"#,
            "numbers[0]",
            "less_than_equal",
        ),
        (
            r#"{"numbers":[-9223372036854775809]}"#,
            "numbers[0]",
            "greater_than_equal",
        ),
        (
            r#"{"numbers":[99999999999999999999]}"#,
            "numbers[0]",
            "less_than_equal",
        ),
        (
            r#"{"numbers":[],"rounds":1000001}"#,
            "rounds",
            "less_than_equal",
        ),
        (
            r#"{"numbers":[],"rounds":-1}"#,
            "rounds",
            "greater_than_equal",
        ),
        (r#"{"numbers":[],"rounds":null}"#, "rounds", "int_type"),
    ] {
        assert_eq!(fault(text), (field.to_owned(), kind), "{text}");
    }
}

#[test]
fn finds_syntax_errors_before_type_errors_and_says_where() {
    for (text, position) in [
        ("", 0),
        ("{", 1),
        (r#"{"numbers":[NaN]}"#, 12),
        ("{\"numbers\":[\"x\"],\n\"rounds\":}", 26),
        (r#"{"numbers":[1,]}"#, 14),
        (r#"{"numbers":[01]}"#, 13),
        (r#"{"numbers":[1]} x"#, 16),
        ("[1", 2),
    ] {
        match read(text, Strictness::LAX) {
            Err(Error::Json {
                position: found, ..
            }) => assert!(
                found.abs_diff(position) <= 1,
                "{text}: found {found}, not {position}"
            ),
            other => panic!("{text} gives {other:?}"),
        }
    }
}

#[test]
fn repeats_only_the_beginning_of_an_unknown_name() {
    let text = format!(r#"{{"{}":1,"numbers":[]}}"#, "é".repeat(100_000));
    match read(&text, Strictness::STRICT) {
        Err(Error::Argument { field, .. }) => assert_eq!(field, "é".repeat(32)),
        other => panic!("an unknown name gives {other:?}"),
    }
    assert_eq!(read(&text, Strictness::LAX), numbers(&[], 1000));
}

#[test]
fn reports_a_syntax_error_behind_an_unknown_member() {
    let text = r#"{"unknown":1,"numbers":[1,]}"#;
    assert!(matches!(
        read(text, Strictness::STRICT),
        Err(Error::Json { .. })
    ));
}

#[test]
fn refuses_what_is_no_utf8_also_where_it_is_ignored() {
    let catalogue = Catalogue::built_in();
    let spec = catalogue
        .get("process_numbers")
        .expect("it is built in")
        .spec();
    let text = b"{\"numbers\":[1],\"x\":\"\xff\"}";
    match read_arguments(spec, text, Strictness::LAX) {
        Err(Error::Json { position, .. }) => assert_eq!(position, 20),
        other => panic!("it gives {other:?}"),
    }
}

#[test]
fn survives_deep_nesting() {
    let deep = "[".repeat(1_000_000);
    assert!(matches!(
        read(&deep, Strictness::LAX),
        Err(Error::Json { .. })
    ));
    let inside = format!(
        r#"{{"numbers":[{}{}]}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(read(&inside, Strictness::LAX).is_err());
}

proptest! {
    #[test]
    fn reads_what_it_writes(list: Vec<i64>) {
        let catalogue = Catalogue::built_in();
        let spec = catalogue.get("process_numbers").expect("it is built in").spec();
        let count = list.len() as i64;
        let values = [Value::Scalar(Scalar::Int64(count)), Value::vector(list.clone())];
        let text = String::from_utf8(joined(write_results(spec, &values)).into()).expect("JSON is UTF-8");
        let written = text.replace("processed_result", "numbers");
        prop_assert_eq!(read(&written, Strictness::LAX), numbers(&list, 1000));
    }

    #[test]
    fn never_panics(text in r#"[\[\]{}:,"0-9eE.+\-a-z \n\\]{0,64}"#) {
        let _ = read(&text, Strictness::LAX);
        let _ = read(&text, Strictness::STRICT);
    }
}

#[test]
fn writes_long_arrays_as_short_ones() {
    let catalogue = Catalogue::built_in();
    let text = |kernel: &str, values: &[Value]| {
        let spec = catalogue.get(kernel).expect("it is built in").spec();
        let parts = write_results(spec, values);
        assert!(parts.len() > 1, "one part alone tests nothing");
        String::from_utf8(joined(parts).into()).expect("JSON is UTF-8")
    };
    let numbers: Vec<i64> = (0..100_001).map(|n| n * 31 - 1_000_000).collect();
    let values = [
        Value::Scalar(Scalar::Int64(7)),
        Value::vector(numbers.clone()),
    ];
    let list = serde_json::to_string(&numbers).expect("numbers");
    assert_eq!(
        text("process_numbers", &values),
        format!(r#"{{"original_count":7,"processed_result":{list}}}"#)
    );
    // Rows that do not divide a block.
    let elements: Vec<f64> = (0..70_000).map(f64::from).collect();
    let rows: Vec<_> = elements.chunks(7).collect();
    let matrix = Array::new(f64::into_data(elements.clone().into()), vec![10_000, 7]);
    let rows = serde_json::to_string(&rows).expect("numbers");
    let written = text("matmul", &[Value::Array(matrix)]);
    assert_eq!(written, format!(r#"{{"result":{rows}}}"#));
}

#[test]
fn writes_a_matrix_without_columns() {
    let catalogue = Catalogue::built_in();
    let spec = catalogue.get("matmul").expect("it is built in").spec();
    let empty = Array::new(f64::into_data(vec![].into()), vec![3, 0]);
    let parts = write_results(spec, &[Value::Array(empty)]);
    assert_eq!(&joined(parts)[..], br#"{"result":[[],[],[]]}"#);
}
