//! Plain text means the same to both readers, however it is cut.

use offgil_kernels::{Arguments, Catalogue};
use proptest::prelude::*;

use super::*;
use crate::codec::json::{Reader, Strictness, read_arguments};

fn spec(kernel: &str) -> &'static KernelSpec {
    let catalogue = Catalogue::built_in();
    catalogue.get(kernel).expect("it is built in").spec()
}

/// Returns what the fast reader makes of a text that comes in chunks of `size` bytes.
fn plainly(kernel: &str, text: &str, size: usize) -> Option<Arguments> {
    let mut plain = Plain::new(spec(kernel), Reading::Strict);
    for chunk in text.as_bytes().chunks(size) {
        plain.feed(chunk).ok()?;
    }
    Arguments::bind(spec(kernel), plain.finish().ok()?).ok()
}

fn exactly(kernel: &str, text: &str) -> Option<Arguments> {
    read_arguments(spec(kernel), text.as_bytes(), Strictness::STRICT).ok()
}

#[test]
fn reads_what_programs_write() {
    for (kernel, text) in [
        (
            "process_numbers",
            r#"{"numbers": [1, -2, 30], "rounds": 7}"#,
        ),
        ("process_numbers", r#"{"numbers":[]}"#),
        (
            "process_numbers",
            " { \"rounds\" : 3 ,\n\t\"numbers\" : [ 5 , 6 ] } \r\n",
        ),
        (
            "process_numbers",
            r#"{"numbers":[9223372036854775807,-9223372036854775808,-0]}"#,
        ),
        ("ema", r#"{"x": [1.5, 2, -3e-2, -0], "alpha": 0.25}"#),
        (
            "evaluate",
            r#"{"expression": "a + 2 * b", "a": [1, 2], "b": [0.5, 1]}"#,
        ),
    ] {
        let exact = exactly(kernel, text);
        assert!(exact.is_some(), "{text}");
        for size in 1..=text.len() {
            assert_eq!(
                plainly(kernel, text, size),
                exact,
                "{text} in chunks of {size}"
            );
        }
    }
}

#[test]
fn leaves_the_rest_to_the_exact_reader() {
    for text in [
        "",
        "[]",
        "{",
        "{}",
        "{}}",
        r#"{"numbers":[1,]}"#,
        r#"{"numbers":[,1]}"#,
        r#"{"numbers":[1 2]}"#,
        r#"{"numbers":[1],}"#,
        r#"{"numbers":[01]}"#,
        r#"{"numbers":[-]}"#,
        r#"{"numbers":[+1]}"#,
        r#"{"numbers":[1.0]}"#,
        r#"{"numbers":[9223372036854775808]}"#,
        r#"{"numbers":["1"]}"#,
        r#"{"numbers":[[1]]}"#,
        r#"{"numbers":[1]"#,
        r#"{"numbers":[1}]"#,
        r#"{"numbers":[1],"numbers":[2]}"#,
        r#"{"numbers":[1],"unknown":1}"#,
        r#"{"n\u0075mbers":[1]}"#,
        r#"{"numbers":[1]} x"#,
        r#"{"numbers" [1]}"#,
        r#"{"numbers":1}"#,
        r#"{"numbers":null}"#,
        r#"{"numbers":[1],"rounds":01}"#,
        "\u{feff}{\"numbers\":[1]}",
    ] {
        for size in [1, 7, text.len().max(1)] {
            assert_eq!(plainly("process_numbers", text, size), None, "{text}");
        }
    }
}

#[test]
fn reads_a_long_list_side_by_side() {
    let numbers: Vec<i64> = (0..300_000)
        .map(|n| (n * 7919) % 1_000_003 - 500_000)
        .collect();
    let text = format!(r#"{{"numbers":{numbers:?}}}"#);
    for size in [100_003, text.len()] {
        let read = plainly("process_numbers", &text, size).expect("it is plain");
        assert_eq!(read.values()[0], Value::vector(numbers.clone()));
    }
}

#[test]
fn gives_up_a_token_that_does_not_end() {
    let mut reader = Reader::new(spec("process_numbers"), Strictness::STRICT);
    let chunk = bytes::Bytes::from(vec![b' '; SEAM + 1]);
    reader.feed(bytes::Bytes::from_static(b"{\"numbers\": [1"));
    assert_eq!(reader.unread(), 0);
    reader.feed(chunk);
    assert_ne!(reader.unread(), 0);
    reader.feed(bytes::Bytes::from_static(b"]}"));
    assert!(reader.finish().is_ok());
}

/// Returns texts that are often nearly right.
fn texts() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        4 => any::<i64>().prop_map(|number| number.to_string()),
        4 => (-1_000_i64..1_000).prop_map(|number| number.to_string()),
        2 => any::<f64>().prop_map(|number| format!("{number:?}")),
        1 => "-?[0-9]{1,25}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,3})?",
        1 => "[-+0-9.eE ntf\"\\[\\]{},:]{0,6}",
    ];
    let list = proptest::collection::vec(number.clone(), 0..6);
    let gap = prop_oneof![8 => Just(String::new()), 1 => "[ \t\r\n]{0,2}", 1 => "[ ,\\]}\\[{]"];
    let value = prop_oneof![
        3 => (list, gap.clone(), gap.clone()).prop_map(|(list, before, between)| {
            format!("[{before}{}]", list.join(&format!("{between},{between}")))
        }),
        1 => number,
    ];
    let member = ("(x|alpha|numbers|rounds|y)", gap.clone(), value, gap).prop_map(
        |(name, before, value, behind)| format!("{before}\"{name}\":{before}{value}{behind}"),
    );
    proptest::collection::vec(member, 0..3).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_exact_reader(text in texts(), size in 1_usize..40, floats: bool) {
        let kernel = if floats { "ema" } else { "process_numbers" };
        if let Some(plain) = plainly(kernel, &text, size) {
            prop_assert_eq!(Some(plain), exactly(kernel, &text), "{}", text);
        }
    }
}
