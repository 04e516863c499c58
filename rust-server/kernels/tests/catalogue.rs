//! What holds for every kernel of the catalogue; a new kernel is tested for free.

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use offgil_kernels::{
    ArgumentFault, Arguments, Array, Catalogue, Context, Data, ElementType, Kernel, KernelError,
    Parameter, Scalar, Value,
};
use proptest::prelude::*;
use support::{bind, enlarged, example, float_array, of_floats, run};

fn each(check: impl Fn(&dyn Kernel)) {
    for kernel in Catalogue::built_in().iter() {
        check(kernel.as_ref());
    }
}

fn is_snake_case(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(allowed)
}

#[test]
fn every_kernel_describes_itself() {
    each(|kernel| {
        let spec = kernel.spec();
        assert!(is_snake_case(spec.name), "{}", spec.name);
        assert!(!spec.results.is_empty(), "{} has results", spec.name);
        let parameters = spec.parameters.iter().map(|p| (p.name, p.documentation));
        let results = spec.results.iter().map(|r| (r.name, r.documentation));
        let mut names = vec![];
        for (name, documentation) in parameters.clone().chain(results) {
            assert!(is_snake_case(name), "{}.{name}", spec.name);
            assert!(
                documentation.ends_with('.'),
                "{}.{name}: {documentation:?}",
                spec.name
            );
        }
        for (name, _) in parameters {
            assert!(
                !names.contains(&name),
                "{}.{name} is there twice",
                spec.name
            );
            names.push(name);
        }
        let summary = spec.documentation.lines().next().unwrap_or_default();
        assert!(summary.ends_with('.'), "{}: {summary:?}", spec.name);
        assert!(!spec.example.is_empty(), "{} has an example", spec.name);
    });
}

#[test]
fn every_default_is_in_its_range() {
    each(|kernel| {
        let spec = kernel.spec();
        let required = |name: &str| {
            let parameter = spec.parameter(name);
            parameter.is_none_or(|(_, parameter)| parameter.default.is_none())
        };
        let given = example(spec).into_iter().filter(|(name, _)| required(name));
        let bound = Arguments::bind(spec, given);
        assert!(bound.is_ok(), "{}: {bound:?}", spec.name);
    });
}

#[test]
fn every_example_gives_what_the_kernel_says() {
    each(|kernel| {
        let spec = kernel.spec();
        let results = run(kernel, example(spec), 2);
        let results = results.unwrap_or_else(|error| panic!("{}: {error}", spec.name));
        let given: Vec<_> = results.iter().map(Value::value_type).collect();
        let promised: Vec<_> = spec.results.iter().map(|r| r.value_type).collect();
        assert_eq!(given, promised, "{}", spec.name);
    });
}

#[test]
fn every_kernel_takes_empty_input_or_says_why_not() {
    each(|kernel| {
        let spec = kernel.spec();
        let empty = example(spec).into_iter().map(|(name, value)| {
            let value = match value {
                Value::Scalar(_) => value,
                Value::Array(array) => {
                    let data = Data::from_bytes(array.data().element(), bytes::Bytes::new());
                    let data = data.expect("whole elements").expect("no strings");
                    Value::Array(Array::new(data, vec![0; array.shape().len()]))
                }
            };
            (name, value)
        });
        check_outcome(kernel, &run(kernel, empty.collect(), 1));
    });
}

#[test]
fn every_argument_of_a_wrong_type_or_shape_is_named() {
    each(|kernel| {
        let spec = kernel.spec();
        for (position, (name, _)) in example(spec).iter().enumerate() {
            let (_, parameter) = spec.parameter(name).unwrap_or_else(|| {
                (
                    0,
                    spec.variadic()
                        .expect("only variadic arguments have other names"),
                )
            });
            for wrong in wrong_values(parameter) {
                let mut given = example(spec);
                given[position].1 = wrong.clone();
                let refused = Arguments::bind(spec, given);
                let error = refused.expect_err("it is of a wrong type");
                assert!(
                    error.path.starts_with(name.as_str()),
                    "{}: {error}",
                    spec.name
                );
            }
        }
    });
}

fn wrong_values(parameter: &Parameter) -> Vec<Value> {
    let text = || Value::Scalar(Scalar::String("no such choice".into()));
    let cube = Value::Array(Array::new(
        Data::Float64(vec![1.0; 8].into()),
        vec![2, 2, 2],
    ));
    let value_type = parameter.value_type;
    let mut wrong = vec![cube];
    if value_type.element != ElementType::String || !parameter.choices.is_empty() {
        wrong.push(text());
    }
    if value_type.element != ElementType::Bool {
        wrong.push(Value::vector(vec![true, false]));
        wrong.push(Value::Scalar(Scalar::Bool(true)));
    }
    if value_type.element.integer_range().is_some() {
        wrong.push(Value::vector(vec![0.5, 1.5]));
    }
    if value_type.rank > 0 {
        wrong.push(Value::Scalar(Scalar::Int64(1)));
    }
    if value_type.rank != 1 {
        wrong.push(Value::vector(vec![1_i64, 2]));
    }
    wrong
}

#[test]
fn every_argument_that_is_missing_unknown_or_repeated_is_named() {
    each(|kernel| {
        let spec = kernel.spec();
        for parameter in spec.parameters.iter().filter(|p| !p.variadic) {
            let mut given = example(spec);
            given.push((parameter.name.to_owned(), Value::Scalar(Scalar::Int64(1))));
            if given
                .iter()
                .filter(|(name, _)| name == parameter.name)
                .count()
                == 2
            {
                let error = Arguments::bind(spec, given.clone()).expect_err("it is repeated");
                assert_eq!(
                    (&*error.path, error.fault),
                    (parameter.name, ArgumentFault::Repeated)
                );
            }
            if parameter.default.is_none() {
                given.retain(|(name, _)| name != parameter.name);
                let error = Arguments::bind(spec, given).expect_err("it is missing");
                assert_eq!(
                    (&*error.path, error.fault),
                    (parameter.name, ArgumentFault::Missing)
                );
            }
        }
        if spec.variadic().is_none() {
            let mut given = example(spec);
            given.push(("unknown".into(), Value::Scalar(Scalar::Int64(1))));
            let error = Arguments::bind(spec, given).expect_err("it is unknown");
            assert!(
                matches!(error.fault, ArgumentFault::Unknown { .. }),
                "{error}"
            );
        }
    });
}

#[test]
fn every_kernel_gives_the_same_on_one_thread_and_on_many() {
    each(|kernel| {
        let given = enlarged(kernel);
        let one = run(kernel, given.clone(), 1).expect("enlarged arguments are valid");
        let many = run(kernel, given, 4).expect("enlarged arguments are valid");
        // Compared as bits, so that NaN equals itself.
        let bits = |results: Vec<Value>| results.into_iter().map(support::bits).collect::<Vec<_>>();
        assert!(bits(one) == bits(many), "{}", kernel.spec().name);
    });
}

#[test]
fn every_estimate_of_memory_holds_the_results() {
    each(|kernel| {
        let given = enlarged(kernel);
        let arguments = bind(kernel, given.clone()).expect("enlarged arguments are valid");
        let estimate = kernel.memory(&arguments);
        let results = run(kernel, given, 2).expect("enlarged arguments are valid");
        let arrays = results
            .iter()
            .filter(|value| matches!(value, Value::Array(_)));
        let bytes: usize = arrays.map(Value::byte_count).sum();
        assert!(
            estimate >= bytes as u64,
            "{}: {estimate} < {bytes}",
            kernel.spec().name
        );
    });
}

#[test]
fn every_long_call_stops_when_asked() {
    const LONG: std::time::Duration = std::time::Duration::from_millis(2);
    each(|kernel| {
        let arguments = bind(kernel, enlarged(kernel)).expect("enlarged arguments are valid");
        if kernel.cost(&arguments) < LONG {
            return;
        }
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        let stopped = kernel.run(arguments, &context);
        let has_stopped = matches!(stopped, Err(KernelError::Stopped(_)));
        assert!(has_stopped, "{} goes on", kernel.spec().name);
    });
}

#[test]
fn every_kernel_polls_once_a_millisecond() {
    each(|kernel| {
        let name = kernel.spec().name;
        let arguments = bind(kernel, enlarged(kernel)).expect("enlarged arguments are valid");
        // What is left to a library as a whole is bounded.
        let pause = if name == "fft" { 20 } else { 1 };
        let least = kernel.cost(&arguments).as_millis() / pause;
        let polls = Arc::new(AtomicUsize::new(0));
        let context = Context::default().with_poll_counter(Arc::clone(&polls));
        kernel.run(arguments, &context).expect("a result");
        let polls = polls.load(Ordering::Relaxed);
        assert!(
            polls as u128 >= least,
            "{name} polls {polls} times in {least} ms"
        );
    });
}

#[test]
fn a_regression_polls_more_often_the_more_columns_there_are() {
    let catalogue = Catalogue::built_in();
    let kernel = catalogue.get("linear_regression").expect("built in");
    let polls_with = |columns: usize| {
        let rows = 4096;
        let elements: Vec<f64> = (0..rows * columns)
            .map(|i| ((i as f64).sin() * 43_758.545_3).fract())
            .collect();
        let y = Value::vector(elements[..rows].to_vec());
        let x = Array::new(Data::Float64(elements.into()), vec![rows, columns]);
        let given = vec![("x".to_owned(), Value::Array(x)), ("y".to_owned(), y)];
        let polls = Arc::new(AtomicUsize::new(0));
        let context = Context::default().with_poll_counter(Arc::clone(&polls));
        let arguments = bind(kernel.as_ref(), given).expect("valid");
        kernel.run(arguments, &context).expect("a fit");
        polls.load(Ordering::Relaxed)
    };
    assert!(polls_with(2) < polls_with(40) && polls_with(40) < polls_with(120));
}

/// A kernel may refuse an argument or find no result; it may not stop by itself or fail.
fn check_outcome(kernel: &dyn Kernel, outcome: &Result<Vec<Value>, KernelError>) {
    let name = kernel.spec().name;
    match outcome {
        Ok(results) => assert_eq!(results.len(), kernel.spec().results.len(), "{name}"),
        Err(KernelError::Argument(error)) => {
            assert!(!error.path.is_empty(), "{name} names the argument: {error}");
        }
        Err(KernelError::OutOfRange { .. }) => {}
        Err(error @ (KernelError::Failed { .. } | KernelError::Stopped(_))) => {
            panic!("{name}: {error}")
        }
    }
}

/// Floats that break what was written for ordinary ones.
fn strange_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 2.0),
        Just(f64::MAX),
        Just(f64::MIN),
        -3.0..3.0_f64,
        any::<f64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_kernel_panics_at_strange_floats(
        floats in proptest::collection::vec(strange_float(), 1..40),
        scalar in strange_float(),
    ) {
        each(|kernel| {
            let spec = kernel.spec();
            let given = example(spec).into_iter().map(|(name, value)| {
                let value = match (&value, of_floats(&value)) {
                    (Value::Array(array), true) => float_array(array.shape(), &floats),
                    (Value::Scalar(_), true) => Value::Scalar(Scalar::Float64(scalar)),
                    _ => value,
                };
                (name, value)
            });
            if let Ok(arguments) = bind(kernel, given.collect()) {
                check_outcome(kernel, &kernel.run(arguments, &Context::default()));
            }
        });
    }

    #[test]
    fn no_kernel_panics_at_other_lengths(lengths in proptest::collection::vec(0_usize..9, 8)) {
        each(|kernel| {
            let mut lengths = lengths.iter().cycle();
            let mut next = || *lengths.next().expect("the lengths go on for ever");
            let given = example(kernel.spec()).into_iter().map(|(name, value)| {
                let value = match &value {
                    Value::Array(array) if of_floats(&value) => {
                        let shape: Vec<_> = array.shape().iter().map(|_| next()).collect();
                        float_array(&shape, &[1.0, -2.0, 0.5, 0.25])
                    }
                    _ => value,
                };
                (name, value)
            });
            if let Ok(arguments) = bind(kernel, given.collect()) {
                check_outcome(kernel, &kernel.run(arguments, &Context::default()));
            }
        });
    }

    #[test]
    fn no_kernel_panics_at_any_integer(integer: i64, shift in 0_u32..64) {
        let integer = integer >> shift;
        each(|kernel| {
            for position in 0..example(kernel.spec()).len() {
                let mut given = example(kernel.spec());
                given[position].1 = match &given[position].1 {
                    Value::Array(_) => Value::vector(vec![integer, 1, integer]),
                    Value::Scalar(_) => Value::Scalar(Scalar::Int64(integer)),
                };
                let Ok(arguments) = bind(kernel, given) else { continue };
                // What the server would refuse is not run.
                let long = std::time::Duration::from_millis(50);
                if kernel.memory(&arguments) < 1 << 24 && kernel.cost(&arguments) < long {
                    check_outcome(kernel, &kernel.run(arguments, &Context::default()));
                }
            }
        });
    }
}
