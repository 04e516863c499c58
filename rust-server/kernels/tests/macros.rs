//! What the macros accept, what they make of it, and what they say to the rest.

use offgil_kernels::{
    Arguments, Array, Data, ElementType, Literal, Scalar, Value, ValueType, prelude::*,
};

/// How to add.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
pub enum HowToAdd {
    /// From left to right.
    LeftToRight,
    /// With compensation.
    Kahan,
}

/// The results of [`all_kinds`].
#[derive(Debug, Outputs)]
pub struct Everything {
    /// A number.
    pub total: f64,
    /// A vector.
    pub bytes: Vec<u8>,
    /// A matrix.
    pub matrix: Matrix<f32>,
    /// A truth.
    pub r#true: bool,
}

/// Takes one of everything.
///
/// And gives back some of it.
#[kernel(
    name = "all_of_it",
    example = "{}",
    cost_ns = 100 * x.len() + weights.rows(),
    memory = rest.len() * 8
)]
#[expect(clippy::too_many_arguments, reason = "each kind of parameter once")]
pub fn all_kinds(
    cx: &Context,
    /// Numbers.
    #[arg(min = 0)]
    x: &[i32],
    /// Owned.
    mask: Vec<bool>,
    weights: MatrixView<'_, f32>,
    #[arg(default = 7, min = 1, max = 9)] count: u8,
    #[arg(default = HowToAdd::Kahan)] how: HowToAdd,
    #[arg(default = "x")] text: &str,
    #[arg(default = true)] flag: bool,
    #[arg(variadic)] rest: Named<'_, f64>,
) -> Result<Everything, KernelError> {
    cx.check()?;
    if how == HowToAdd::LeftToRight {
        return Err(KernelError::argument("how", "not today"));
    }
    let vectors = rest.iter().map(|(_, vector)| vector.iter().sum::<f64>());
    Ok(Everything {
        total: vectors.sum::<f64>() + x.len() as f64 + f64::from(count),
        bytes: text.bytes().collect(),
        matrix: Matrix::new(
            weights.elements().to_vec(),
            weights.rows(),
            weights.columns(),
        ),
        r#true: flag && mask.iter().all(|x| *x),
    })
}

/// Gives one result and takes nothing.
#[kernel]
fn answer() -> i64 {
    42
}

#[test]
fn a_kernel_without_parameters_has_one_result() {
    let spec = Answer.spec();
    assert_eq!(
        (spec.name, spec.documentation),
        ("answer", "Gives one result and takes nothing.")
    );
    assert_eq!(spec.results[0].name, "result");
    let none = Arguments::bind(spec, Vec::<(&str, Value)>::new()).expect("it takes nothing");
    let results = Answer.run(none, &Context::default());
    assert_eq!(results, Ok(vec![Value::Scalar(Scalar::Int64(42))]));
}

#[test]
fn the_signature_becomes_the_description() {
    let spec = AllKinds.spec();
    assert_eq!(spec.name, "all_of_it");
    assert_eq!(
        spec.documentation,
        "Takes one of everything.\n\nAnd gives back some of it."
    );
    let types: Vec<_> = spec
        .parameters
        .iter()
        .map(|p| (p.name, p.value_type))
        .collect();
    let expected = [
        ("x", ValueType::vector(ElementType::Int32)),
        ("mask", ValueType::vector(ElementType::Bool)),
        ("weights", ValueType::matrix(ElementType::Float32)),
        ("count", ValueType::scalar(ElementType::UInt8)),
        ("how", ValueType::scalar(ElementType::String)),
        ("text", ValueType::scalar(ElementType::String)),
        ("flag", ValueType::scalar(ElementType::Bool)),
        ("rest", ValueType::vector(ElementType::Float64)),
    ];
    assert_eq!(types, expected);
    let [x, mask, _, count, how, text, flag, rest] = spec.parameters else {
        panic!("there are eight parameters");
    };
    assert_eq!(
        (x.documentation, x.minimum),
        ("Numbers.", Some(Literal::Int(0)))
    );
    assert_eq!((mask.documentation, mask.default), ("Owned.", None));
    let limits = (count.default, count.minimum, count.maximum);
    assert_eq!(
        limits,
        (
            Some(Literal::Int(7)),
            Some(Literal::Int(1)),
            Some(Literal::Int(9))
        )
    );
    assert_eq!(how.choices, ["left_to_right", "kahan"]);
    assert_eq!(how.default, Some(Literal::String("kahan")));
    assert_eq!(text.default, Some(Literal::String("x")));
    assert_eq!(flag.default, Some(Literal::Bool(true)));
    assert!(rest.variadic && !flag.variadic);
    let results: Vec<_> = spec
        .results
        .iter()
        .map(|r| (r.name, r.documentation))
        .collect();
    let expected = [
        ("total", "A number."),
        ("bytes", "A vector."),
        ("matrix", "A matrix."),
        ("true", "A truth."),
    ];
    assert_eq!(results, expected);
}

fn given() -> Vec<(&'static str, Value)> {
    let weights = Array::new(Data::Float32(vec![1.0; 6].into()), vec![2, 3]);
    vec![
        ("a", Value::vector(vec![0.5, 0.25])),
        ("x", Value::vector(vec![1_i32, 2, 3])),
        ("mask", Value::vector(vec![true])),
        ("weights", Value::Array(weights)),
    ]
}

#[test]
fn values_reach_the_function_and_its_results_come_back() {
    let arguments = Arguments::bind(AllKinds.spec(), given()).expect("valid");
    assert_eq!(AllKinds.cost(&arguments).as_nanos(), 302);
    assert_eq!(AllKinds.memory(&arguments), 8);
    let results = AllKinds
        .run(arguments, &Context::default())
        .expect("results");
    assert_eq!(results[0], Value::Scalar(Scalar::Float64(10.75)));
    assert_eq!(results[1], Value::vector(b"x".to_vec()));
    assert_eq!(
        results[2].value_type(),
        ValueType::matrix(ElementType::Float32)
    );
    assert_eq!(results[3], Value::Scalar(Scalar::Bool(true)));
}

#[test]
fn errors_of_the_function_come_back() {
    let mut given = given();
    given.push(("how", Value::Scalar(Scalar::String("left_to_right".into()))));
    let arguments = Arguments::bind(AllKinds.spec(), given).expect("valid");
    let refused = AllKinds
        .run(arguments, &Context::default())
        .expect_err("it refuses");
    assert_eq!(refused.to_string(), "how: not today");
}

#[test]
fn types_that_are_not_supported_do_not_compile_and_the_compiler_lists_those_that_are() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/types/*.rs");
}
