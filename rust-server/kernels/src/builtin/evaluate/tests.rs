//! Tests of the kernel as a whole; accuracy of the elementary functions is tested with them.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
};

use proptest::prelude::*;

use super::*;
use crate::context::Stopped;

fn run(expression: &str, vectors: &[(&str, &[f64])]) -> Result<Vec<f64>, KernelError> {
    evaluate(&Context::default(), expression, vectors.to_vec())
}

/// Evaluates an expression without vectors.
fn constant(expression: &str) -> f64 {
    let results = run(expression, &[]).unwrap_or_else(|error| panic!("{expression}: {error}"));
    assert_eq!(results.len(), 1, "{expression}");
    results[0]
}

fn message(expression: &str, vectors: &[(&str, &[f64])]) -> String {
    let results = run(expression, vectors);
    results.expect_err(expression).to_string()
}

#[test]
fn follows_the_precedence_of_python() {
    for (expression, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("7 - 2 - 1", 4.0),
        ("16 / 4 / 2", 2.0),
        ("2**3**2", 512.0),
        ("2^10", 1024.0),
        ("-2**2", -4.0),
        ("(-2)**2", 4.0),
        ("2**-1", 0.5),
        ("2**-2**0", 0.5),
        ("2**-1*8", 4.0),
        ("- - +3", 3.0),
        ("2*-3", -6.0),
        ("-7 % 3", 2.0),
        ("7 % -3", -2.0),
        ("-7.5 % 2 * 2", 1.0),
        ("1 + 2 < 4", 1.0),
        ("3 >= 4", 0.0),
        ("(1 < 2) == (3 != 4)", 1.0),
        (" 1.e2+.5 + 1e-1\t*\n5 ", 101.0),
        ("1E+2", 100.0),
        ("2*pi", std::f64::consts::TAU),
        ("log(e)", 1.0),
    ] {
        assert_eq!(constant(expression), expected, "{expression}");
    }
}

#[test]
fn knows_its_functions() {
    for (expression, expected) in [
        ("abs(-2)", 2.0),
        ("atan2(1, -1)", 3.0 * std::f64::consts::FRAC_PI_4),
        ("hypot(3, 4)", 5.0),
        ("pow(2, 5)", 32.0),
        ("pow(3, 3)", 27.0),
        ("min(2, 3) + 10*max(2, 3)", 32.0),
        ("floor(-1.5)", -2.0),
        ("ceil(-1.5)", -1.0),
        ("round(2.5) + round(3.5)", 6.0),
        ("sign(-3) + 10*sign(0) + 100*sign(2)", 99.0),
        ("where(0, 1, 2) + where(3, 10, 20)", 12.0),
        ("sqrt(16) + cbrt(27)", 7.0),
        ("log2(8) + log10(100)", 5.0),
        ("log1p(0) + expm1(0) + exp(0)", 1.0),
        ("sin(0) + cos(0) + tan(0)", 1.0),
        ("asin(0) + acos(1) + atan(0)", 0.0),
        ("sinh(0) + cosh(0) + tanh(0)", 1.0),
    ] {
        assert_eq!(constant(expression), expected, "{expression}");
    }
    for (name, operation) in operation::FUNCTIONS {
        let arguments = vec!["0.5"; operation.arity()].join(", ");
        assert!(
            constant(&format!("{name}({arguments})")).is_finite(),
            "{name}"
        );
    }
}

#[test]
fn applies_each_operation_to_each_element() {
    let a = [1.0, -2.0, 3.0];
    let b = [0.5, 0.0, -1.0];
    let results = run("2*a + sin(b)/c", &[("a", &a), ("b", &b), ("c", &[4.0])]);
    let expected: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(a, b)| 2.0 * a + b.sin() / 4.0)
        .collect();
    assert_eq!(results, Ok(expected));
    assert_eq!(
        run("where(a > b, a, 0)", &[("a", &a), ("b", &b)]),
        Ok(vec![1.0, 0.0, 3.0])
    );
    assert_eq!(
        run("where(a > b, 1, b)", &[("a", &a), ("b", &b)]),
        Ok(vec![1.0, 0.0, 1.0])
    );
    assert_eq!(run("a", &[("a", &a)]), Ok(a.to_vec()));
    assert_eq!(run("a**2 + a**3", &[("a", &a)]), Ok(vec![2.0, -4.0, 36.0]));
}

#[test]
fn takes_its_length_from_the_vectors() {
    let a = [1.0, 2.0];
    assert_eq!(run("7", &[("unused", &a)]), Ok(vec![7.0, 7.0]));
    assert_eq!(run("k*2", &[("k", &[3.0])]), Ok(vec![6.0]));
    assert_eq!(run("k*a", &[("k", &[3.0]), ("a", &a)]), Ok(vec![3.0, 6.0]));
    assert_eq!(run("a + k", &[("a", &[]), ("k", &[1.0])]), Ok(vec![]));
    let uneven = message("a + b", &[("a", &a), ("b", &[1.0, 2.0, 3.0])]);
    assert_eq!(uneven, "b: expected 2 elements like 'a', or 1, got 3");
}

#[test]
fn prefers_vectors_to_constants_and_keeps_functions_apart() {
    assert_eq!(
        run("e + sin(sin)", &[("e", &[1.0]), ("sin", &[0.0])]),
        Ok(vec![1.0])
    );
    assert_eq!(run("größe_2 * 2", &[("größe_2", &[4.0])]), Ok(vec![8.0]));
}

#[test]
fn spreads_nan_and_infinities_as_ieee_754_asks() {
    let x = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let results = run("x - x", &[("x", &x)]).expect("a result");
    assert!(results.iter().all(|y| y.is_nan()));
    for expression in [
        "min(x, 0)",
        "min(0, x)",
        "max(x, 0)",
        "max(0, x)",
        "sign(x)",
        "x % 2",
        "where(1, x, 0)",
    ] {
        let results = run(expression, &[("x", &[f64::NAN])]).expect("a result");
        assert!(results[0].is_nan(), "{expression}");
    }
    assert_eq!(run("x == x", &[("x", &x)]), Ok(vec![0.0, 1.0, 1.0]));
    assert_eq!(run("x != x", &[("x", &x)]), Ok(vec![1.0, 0.0, 0.0]));
    assert_eq!(run("where(x, 1, 2)", &[("x", &x)]), Ok(vec![1.0; 3]));
    assert_eq!(constant("1/0"), f64::INFINITY);
    assert_eq!(constant("2**1e9"), f64::INFINITY);
    assert!(
        constant("0/0").is_nan() && constant("sqrt(-1)").is_nan() && constant("1 % 0").is_nan()
    );
    assert_eq!(constant("log(0)"), f64::NEG_INFINITY);
}

#[test]
fn says_where_an_expression_is_wrong() {
    for (expression, expected) in [
        (
            "",
            "at position 0: expected a number, a name or '(', found the end",
        ),
        (
            "1 +",
            "at position 3: expected a number, a name or '(', found the end",
        ),
        (
            "2*(a + 1",
            "at position 8: expected an operator or ')', found the end",
        ),
        (
            "2*a)",
            "at position 3: expected an operator or the end, found ')'",
        ),
        (
            "2 a",
            "at position 2: expected an operator or the end, found 'a'",
        ),
        (
            "2a",
            "at position 1: expected an operator or the end, found 'a'",
        ),
        (
            "1e",
            "at position 1: expected an operator or the end, found 'e'",
        ),
        (
            "1.5.2",
            "at position 3: expected an operator or the end, found the number 0.2",
        ),
        (
            "a * * 2",
            "at position 4: expected a number, a name or '(', found an operator",
        ),
        (".", "at position 0: '.' is no number"),
        (
            "1e999",
            "at position 0: 1e999 is over the greatest finite number, 1.7976931348623157e308",
        ),
        (
            "a = 2",
            "at position 2: '=' is no operator; equality is '=='",
        ),
        ("a $ 2", "at position 2: '$' is no part of an expression"),
        (
            "a < 1 < 2",
            "at position 6: comparisons do not chain: a < b < c is written (a < b) * (b < c)",
        ),
        (
            "alhpa",
            "at position 0: there is no vector or constant 'alhpa'; did you mean alpha?",
        ),
        (
            "sin",
            "at position 0: 'sin' is a function, and takes its arguments in parentheses",
        ),
        (
            "a(2)",
            "at position 0: 'a' is a vector, no function; a product is written with '*'",
        ),
        (
            "hypot(1)",
            "at position 7: expected ',': hypot takes 2 arguments, found ')'",
        ),
        (
            "sin(1, 2)",
            "at position 5: expected an operator or ')': sin takes 1 argument, found ','",
        ),
        (
            "sin()",
            "at position 4: expected a number, a name or '(', found ')'",
        ),
        ("ä + ö", "at position 0: there is no vector or constant 'ä'"),
    ] {
        let message = message(expression, &[("a", &[1.0]), ("alpha", &[1.0])]);
        assert_eq!(message, format!("expression: {expected}"));
    }
    let unknown = message("1 + sine(2)", &[]);
    assert!(
        unknown.starts_with(
            "expression: at position 4: there is no function 'sine'; did you mean sin"
        ),
        "{unknown}"
    );
    assert!(unknown.contains("the functions are abs, acos"), "{unknown}");
}

#[test]
fn limits_length_and_depth() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(constant(&nested(parser::MAX_DEPTH)), 1.0);
    let deep =
        "expression: at position 201: parentheses, signs and exponents nest deeper than 200 levels";
    assert_eq!(message(&nested(parser::MAX_DEPTH + 1), &[]), deep);
    assert_eq!(message(&nested(30_000), &[]), deep);
    assert_eq!(message(&"-".repeat(MAX_LENGTH), &[]), deep);
    assert!(message(&"2**".repeat(20_000), &[]).contains("deeper than 200"));
    assert_eq!(
        message(&nested(1_000_000), &[]),
        "expression: expected at most 65536 bytes, got 2000001"
    );
    // Chains from the left do not nest.
    let sum = vec!["a"; 30_000].join("+");
    assert_eq!(
        run(&sum, &[("a", &[1.0, 2.0])]),
        Ok(vec![30_000.0, 60_000.0])
    );
    // An error repeats no more than the beginning of a name.
    assert!(message(&"x".repeat(60_000), &[]).len() < 400);
}

#[test]
fn reuses_registers() {
    let vectors = HashMap::from([("a", Operand::Vector(0)), ("b", Operand::Vector(1))]);
    let registers = |text: &str| {
        parser::compile(text, &vectors)
            .expect("a program")
            .registers()
            .len()
    };
    assert_eq!(registers("a"), 0);
    assert_eq!(registers("a+b"), 1);
    assert_eq!(registers(&vec!["a*b"; 1000].join("+")), 3);
    // As many as wait for the last operand.
    let deep = format!("{}a*b{}", "a*b-(".repeat(150), ")".repeat(150));
    assert_eq!(registers(&deep), 152);
}

#[test]
fn gives_the_same_in_any_block_and_on_any_number_of_threads() {
    let a: Vec<f64> = (0..100_003).map(|i| f64::from(i) * 0.37 - 9000.0).collect();
    let b: Vec<f64> = a.iter().rev().map(|a| a * 1e-3).collect();
    let expression = "where(a < b, sin(a)*exp(b/9), cos(b) - log(abs(a) + 1)) ** 2 % 7";
    let vectors: Named<'_, f64> = vec![("a", &a), ("b", &b)];
    let on_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let results = pool
            .expect("a pool")
            .install(|| evaluate(&Context::default(), expression, vectors.clone()));
        results.expect("a result")
    };
    let results = on_threads(1);
    assert_eq!(results, on_threads(4));
    // The registers are many here, so the blocks are short.
    let shorter = format!("{}{expression}{}", "a*b*0 + (".repeat(150), ")".repeat(150));
    let in_short_blocks = run(&shorter, &vectors).expect("a result");
    assert_eq!(results, in_short_blocks);
    for index in [0, 1, 1023, 1024, 16_383, 16_384, 100_002] {
        let alone = run(expression, &[("a", &[a[index]]), ("b", &[b[index]])]);
        assert_eq!(alone, Ok(vec![results[index]]), "element {index}");
    }
}

#[test]
fn stops_when_asked() {
    let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
    let results = evaluate(&context, "a+1", vec![("a", &[1.0, 2.0])]);
    assert_eq!(results, Err(Stopped.into()));
}

/// An expression and its values for a and b, computed literally.
fn expressions() -> impl Strategy<Value = (String, [f64; 2])> {
    const A: [f64; 2] = [1.5, -0.25];
    const B: [f64; 2] = [-3.0, 7.0];
    let leaf = prop_oneof![
        Just(("a".to_owned(), A)),
        Just(("b".to_owned(), B)),
        (0_u32..1000).prop_map(|n| (format!("{n}"), [f64::from(n); 2])),
        (0.0..1e3).prop_map(|x: f64| (format!("{x:e}"), [x; 2])),
    ];
    leaf.prop_recursive(6, 60, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        let zip = |a: [f64; 2], b: [f64; 2], f: fn(f64, f64) -> f64| [f(a[0], b[0]), f(a[1], b[1])];
        prop_oneof![
            (pair.clone(), 0_usize..6).prop_map(move |(((s, x), (t, y)), index)| {
                let (symbol, function): (&str, fn(f64, f64) -> f64) = [
                    ("+", (|a, b| a + b) as fn(f64, f64) -> f64),
                    ("-", |a, b| a - b),
                    ("*", |a, b| a * b),
                    ("/", |a, b| a / b),
                    ("<=", |a, b| f64::from(a <= b)),
                    ("!=", |a, b| f64::from(a != b)),
                ][index];
                (format!("({s}) {symbol} ({t})"), zip(x, y, function))
            }),
            (inner.clone(), pair).prop_map(|((r, w), ((s, x), (t, y)))| {
                let choose = |i: usize| if w[i] != 0.0 { x[i] } else { y[i] };
                (format!("where({r}, {s}, {t})"), [choose(0), choose(1)])
            }),
            inner
                .clone()
                .prop_map(|(s, x)| (format!("-({s})"), x.map(|x| -x))),
            inner.prop_map(|(s, x)| (format!("atan({s})"), x.map(f64::atan))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_a_literal_computation((text, expected) in expressions()) {
        let results = run(&text, &[("a", &[1.5, -0.25]), ("b", &[-3.0, 7.0])]);
        let results = results.map(|results| results.into_iter().map(f64::to_bits).collect::<Vec<_>>());
        if expected.iter().all(|x| !x.is_nan()) {
            prop_assert_eq!(results, Ok(expected.map(f64::to_bits).to_vec()), "{}", text);
        }
    }

    #[test]
    fn takes_the_remainder_of_python(a in -1e3..1e3, b in -10.0..10.0) {
        let rest = run("a % b", &[("a", &[a]), ("b", &[b])]).expect("a result")[0];
        prop_assert!(rest == 0.0 || (rest < 0.0) == (b < 0.0));
        let quotient = (a - rest) / b;
        prop_assert!((quotient - quotient.round()).abs() < 1e-9 * quotient.abs().max(1.0), "{rest}");
        prop_assert!(rest.abs() <= f64::abs(b));
    }

    #[test]
    fn never_panics(text in "[-+*/%^<>=!(),.0-9ae \u{e4}\u{1f600}&a-z]{0,40}") {
        let _ = run(&text, &[("a", &[1.0, 2.0])]);
    }
}
