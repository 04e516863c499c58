//! The catalogue, and what holds for the arguments and results of every kernel.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use offgil_kernels::{
    Arguments, Catalogue, Context, Data, Kernel, KernelSpec, Literal, Parameter, Scalar, Value,
};

use crate::image::{image, images};

/// A call that states more than this is not made: it would say nothing more, and slowly.
const MOST_COST: Duration = Duration::from_millis(1);
const MOST_MEMORY: u64 = 16 << 20;

/// The kernels, ordered by name.
pub static KERNELS: LazyLock<Vec<Arc<dyn Kernel>>> =
    LazyLock::new(|| Catalogue::built_in().iter().cloned().collect());

/// Returns a kernel for each number.
pub fn chosen(number: usize) -> &'static dyn Kernel {
    KERNELS[number % KERNELS.len()].as_ref()
}

/// Returns the kernel of a name, and some kernel for any other name.
pub fn named(name: &str) -> &'static dyn Kernel {
    match KERNELS.iter().find(|kernel| kernel.spec().name == name) {
        Some(kernel) => kernel.as_ref(),
        None => chosen(name.len()),
    }
}

/// Checks that arguments are what their parameters say, and are themselves once they are bound again.
pub fn check_arguments(spec: &KernelSpec, arguments: &Arguments) {
    let fixed = spec.parameters.iter().filter(|p| !p.variadic);
    assert_eq!(fixed.clone().count(), arguments.values().len());
    let mut given = vec![];
    for (parameter, value) in fixed.zip(arguments.values()) {
        check_argument(parameter, value);
        given.push((parameter.name.to_owned(), value.clone()));
    }
    for (name, value) in arguments.named() {
        check_argument(spec.variadic().expect("it has named arguments"), value);
        given.push((name.clone(), value.clone()));
    }
    let again = Arguments::bind(spec, given).expect("they are in range");
    assert_eq!(images(&again), images(arguments));
}

/// Runs a kernel if that takes little: it gives what it promises, and the same once more.
pub fn check_run(kernel: &dyn Kernel, arguments: &Arguments) {
    if kernel.cost(arguments) > MOST_COST || kernel.memory(arguments) > MOST_MEMORY {
        return;
    }
    let run = || kernel.run(arguments.clone(), &Context::default());
    match (run(), run()) {
        (Ok(results), Ok(again)) => {
            let promised = kernel.spec().results.iter().map(|r| r.value_type);
            assert!(results.iter().map(Value::value_type).eq(promised));
            assert!(results.iter().map(image).eq(again.iter().map(image)));
        }
        (results, again) => assert_eq!(results, again),
    }
}

fn check_argument(parameter: &Parameter, value: &Value) {
    assert_eq!(value.value_type(), parameter.value_type);
    match value {
        Value::Scalar(Scalar::String(text)) => {
            let choices = parameter.choices;
            assert!(choices.is_empty() || choices.contains(&text.as_str()));
        }
        Value::Scalar(Scalar::Int64(x)) => check_integer(parameter, *x),
        Value::Scalar(Scalar::Float64(x)) => check_float(parameter, *x),
        Value::Scalar(_) => {}
        Value::Array(array) => match array.data() {
            Data::Int64(x) => x
                .as_slice()
                .iter()
                .for_each(|x| check_integer(parameter, *x)),
            Data::Float64(x) => x.as_slice().iter().for_each(|x| check_float(parameter, *x)),
            _ => {}
        },
    }
}

fn check_integer(parameter: &Parameter, number: i64) {
    let bound = |literal| match literal {
        Some(Literal::Int(bound)) => Some(bound),
        _ => None,
    };
    assert!(bound(parameter.minimum).is_none_or(|least| least <= number));
    assert!(bound(parameter.maximum).is_none_or(|greatest| number <= greatest));
}

fn check_float(parameter: &Parameter, number: f64) {
    let bound = |literal| match literal {
        Some(Literal::Float(bound)) => Some(bound),
        _ => None,
    };
    assert!(bound(parameter.minimum).is_none_or(|least| least <= number));
    assert!(bound(parameter.maximum).is_none_or(|greatest| number <= greatest));
}
