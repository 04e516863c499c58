//! The examples of kernels as values, and larger forms of them.
#![expect(unreachable_pub, reason = "the module of a test")]

use offgil_kernels::{
    ArgumentError, Arguments, Array, Context, Data, ElementType, Kernel, KernelError, KernelSpec,
    Parameter, Scalar, Value, ValueType,
};
use serde_json::Value as Json;

/// Elements of an enlarged vector, and of a column of an enlarged matrix.
const ENLARGED: usize = 200_000;

/// Arguments by name.
pub type Given = Vec<(String, Value)>;

/// Returns the arguments of a kernel's example.
pub fn example(spec: &KernelSpec) -> Given {
    let object: serde_json::Map<String, Json> =
        serde_json::from_str(spec.example).expect("the example is a JSON object");
    let parameter = |name: &str| -> &Parameter {
        let fixed = spec.parameter(name).map(|(_, parameter)| parameter);
        fixed
            .or(spec.variadic())
            .expect("the example names parameters")
    };
    let value = |(name, json): (String, Json)| {
        let value = value(&json, parameter(&name).value_type);
        (name, value)
    };
    object.into_iter().map(value).collect()
}

/// Returns the example with vectors and matrices of many elements, or the example where the kernel does not
/// take such ones.
pub fn enlarged(kernel: &dyn Kernel) -> Given {
    let example = example(kernel.spec());
    let large = example.iter().map(|(name, value)| {
        let value = match value {
            Value::Scalar(_) => value.clone(),
            Value::Array(array) => repeated(array),
        };
        (name.clone(), value)
    });
    let large: Given = large.collect();
    let accepted = bind(kernel, large.clone())
        .is_ok_and(|arguments| kernel.run(arguments, &Context::default()).is_ok());
    if accepted { large } else { example }
}

fn repeated(array: &Array) -> Value {
    let rows = array.shape()[0];
    if array.data().is_empty() {
        return Value::Array(array.clone());
    }
    let times = ENLARGED.div_ceil(array.data().len());
    let mut shape = array.shape().to_vec();
    shape[0] = rows * times;
    // Not quite periodic, where that leaves the elements valid.
    let data = match array.data() {
        Data::Float64(buffer) => {
            let elements = buffer.as_slice().repeat(times);
            let varied = elements
                .iter()
                .enumerate()
                .map(|(i, x)| x * (1.0 - (i % 977) as f64 * 1e-4));
            Data::Float64(varied.collect::<Vec<_>>().into())
        }
        Data::Int64(buffer) => {
            let elements = buffer.as_slice().repeat(times);
            let varied = elements
                .iter()
                .enumerate()
                .map(|(i, x)| x + (i % 977) as i64);
            Data::Int64(varied.collect::<Vec<_>>().into())
        }
        other => panic!("there is no larger form of {other:?} yet"),
    };
    Value::Array(Array::new(data, shape))
}

/// Returns whether a value is, or consists of, floating-point numbers.
pub fn of_floats(value: &Value) -> bool {
    value.value_type().element.is_float()
}

/// Returns an array of this shape whose elements are these, again and again.
pub fn float_array(shape: &[usize], floats: &[f64]) -> Value {
    let count = shape.iter().product();
    let elements: Vec<f64> = floats.iter().copied().cycle().take(count).collect();
    Value::Array(Array::new(Data::Float64(elements.into()), shape.to_vec()))
}

/// Binds arguments.
pub fn bind(kernel: &dyn Kernel, given: Given) -> Result<Arguments, ArgumentError> {
    Arguments::bind(kernel.spec(), given)
}

/// Runs a kernel on so many threads.
pub fn run(kernel: &dyn Kernel, given: Given, threads: usize) -> Result<Vec<Value>, KernelError> {
    let arguments = bind(kernel, given)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.expect("threads");
    pool.install(|| kernel.run(arguments, &Context::default()))
}

/// Returns what a value is made of, to the bit.
pub fn bits(value: Value) -> (Vec<usize>, Vec<u8>) {
    match value {
        Value::Array(array) => {
            let (data, shape) = array.into_parts();
            (shape, data.into_bytes().to_vec())
        }
        Value::Scalar(Scalar::Float64(number)) => (vec![], number.to_bits().to_le_bytes().into()),
        Value::Scalar(scalar) => (vec![], format!("{scalar:?}").into_bytes()),
    }
}

fn value(json: &Json, value_type: ValueType) -> Value {
    if value_type.rank == 0 {
        return Value::Scalar(match value_type.element {
            ElementType::Bool => Scalar::Bool(json.as_bool().expect("a boolean")),
            ElementType::String => Scalar::String(json.as_str().expect("a text").to_owned()),
            element if element.is_float() => Scalar::Float64(json.as_f64().expect("a number")),
            _ => Scalar::Int64(json.as_i64().expect("an integer")),
        });
    }
    let rows = json.as_array().expect("a list");
    let (flat, shape) = if value_type.rank == 2 {
        let columns = rows
            .first()
            .map_or(0, |row| row.as_array().expect("a list").len());
        let flat: Vec<Json> = rows
            .iter()
            .flat_map(|row| row.as_array().expect("a list").clone())
            .collect();
        (flat, vec![rows.len(), columns])
    } else {
        (rows.clone(), vec![rows.len()])
    };
    let data = match value_type.element {
        ElementType::Bool => {
            let elements = flat.iter().map(|x| x.as_bool().expect("a boolean"));
            Data::Bool(elements.collect::<Vec<_>>().into())
        }
        element if element.is_float() => {
            let elements = flat.iter().map(|x| x.as_f64().expect("a number"));
            Data::Float64(elements.collect::<Vec<_>>().into())
        }
        _ => {
            let elements = flat.iter().map(|x| x.as_i64().expect("an integer"));
            Data::Int64(elements.collect::<Vec<_>>().into())
        }
    };
    Value::Array(Array::new(data, shape))
}
