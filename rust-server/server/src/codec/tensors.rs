//! The tensors of the Open Inference Protocol.

use bytes::{Buf, Bytes};
use offgil_kernels::{
    ArgumentFault, Array, Buffer, Data, Element, ElementType, KernelSpec, Scalar, Value,
    arguments::{MOST_NAMED, unknown},
};

use super::{arrays::packed, shape::checked_shape};
use crate::{
    error::Error,
    proto::inference::{
        InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
        infer_parameter::ParameterChoice, model_infer_request::InferInputTensor,
        model_infer_response::InferOutputTensor,
    },
};

/// The parameter that marks an output as a scalar, which the protocol has no shape for.
pub const SCALAR: &str = "scalar";
/// Settings of clients that are sent as parameters of a request.
const SETTINGS: [&str; 7] = [
    "binary_data_output",
    "priority",
    "sequence_end",
    "sequence_id",
    "sequence_start",
    "timeout",
    "triton_enable_empty_final_response",
];
/// Bytes of the length in front of each element of a BYTES tensor.
const LENGTH: usize = 4;

/// Returns the name of an element type in the protocol.
pub fn datatype(element: ElementType) -> &'static str {
    match element {
        ElementType::Bool => "BOOL",
        ElementType::UInt8 => "UINT8",
        ElementType::Int32 => "INT32",
        ElementType::Int64 => "INT64",
        ElementType::Float32 => "FP32",
        ElementType::Float64 => "FP64",
        ElementType::String => "BYTES",
    }
}

/// Returns the element type of a name.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if kernels have no such elements.
pub fn element(field: &str, datatype: &str) -> Result<ElementType, Error> {
    Ok(match datatype {
        "BOOL" => ElementType::Bool,
        "UINT8" => ElementType::UInt8,
        "INT32" => ElementType::Int32,
        "INT64" => ElementType::Int64,
        "FP32" => ElementType::Float32,
        "FP64" => ElementType::Float64,
        "BYTES" => ElementType::String,
        _ => {
            let shown: String = datatype.chars().take(16).collect();
            let message = format!(
                "the datatype {shown:?} is none of BOOL, UINT8, INT32, INT64, FP32, FP64 and BYTES"
            );
            return Err(Error::field(field, "datatype", message));
        }
    })
}

/// Reads the arguments of a kernel: tensors, and scalars that are parameters of the request.
///
/// # Errors
///
/// [`Error::Argument`] if an input is not what its datatype and shape say.
pub fn read(spec: &KernelSpec, request: ModelInferRequest) -> Result<Vec<(String, Value)>, Error> {
    let raw = request.raw_input_contents;
    if !raw.is_empty() && raw.len() != request.inputs.len() {
        let (raw, inputs) = (raw.len(), request.inputs.len());
        let message = format!("there are {inputs} inputs and {raw} raw contents");
        return Err(Error::field("raw_input_contents", "too_long", message));
    }
    let mut raw = raw.into_iter();
    let mut values = vec![];
    for input in request.inputs {
        let (name, value) = tensor(input, raw.next())?;
        values.push((name, value));
    }
    check_count(request.parameters.len())?;
    for (name, parameter) in request.parameters {
        if is_argument(spec, &name)? {
            let scalar = scalar(&name, parameter)?;
            values.push((name, Value::Scalar(scalar)));
        }
    }
    Ok(values)
}

/// Checks that a request has no more parameters than anybody needs.
///
/// # Errors
///
/// [`Error::Argument`] if it has.
pub fn check_count(parameters: usize) -> Result<(), Error> {
    if parameters <= MOST_NAMED {
        return Ok(());
    }
    let message = format!("there are {parameters} parameters, over the limit of {MOST_NAMED}");
    Err(Error::field("parameters", "too_long", message))
}

/// Returns whether a parameter of a request is an argument of the kernel; clients put settings of their own there.
///
/// # Errors
///
/// [`Error::Argument`] if it is none, but is written much like one.
pub fn is_argument(spec: &KernelSpec, name: &str) -> Result<bool, Error> {
    if let Some((_, parameter)) = spec.parameter(name) {
        return Ok(parameter.value_type.rank == 0);
    }
    if SETTINGS.contains(&name) {
        return Ok(false);
    }
    match unknown(spec, name) {
        ArgumentFault::Unknown { nearest, .. } if nearest.is_empty() => Ok(false),
        misspelt => Err(misspelt.at(name.to_owned()).into()),
    }
}

/// Returns whether a request has its elements in typed contents, so that the response has them there too.
pub fn is_typed(request: &ModelInferRequest) -> bool {
    request.raw_input_contents.is_empty()
        && request.inputs.iter().any(|input| input.contents.is_some())
}

/// Writes the results at these positions into a response, raw or typed.
pub fn write(
    spec: &KernelSpec,
    results: Vec<Value>,
    wanted: &[usize],
    typed: bool,
) -> ModelInferResponse {
    let mut response = ModelInferResponse::default();
    let mut results: Vec<_> = results.into_iter().map(Some).collect();
    for position in wanted {
        let result = results[*position].take();
        let (data, shape, is_scalar) = tensor_of(result.expect("an output is asked for once"));
        let element = data.element();
        let truth = ParameterChoice::BoolParam(true);
        let truth = InferParameter {
            parameter_choice: Some(truth),
        };
        let parameters = is_scalar.then(|| (SCALAR.to_owned(), truth));
        let contents = if typed {
            Some(contents_of(data))
        } else {
            response.raw_output_contents.push(data.into_bytes());
            None
        };
        response.outputs.push(InferOutputTensor {
            name: spec.results[*position].name.to_owned(),
            datatype: datatype(element).to_owned(),
            shape: shape.iter().map(|length| *length as i64).collect(),
            parameters: parameters.into_iter().collect(),
            contents,
        });
    }
    response
}

/// Returns the positions of the results that are asked for by name, or of all.
///
/// # Errors
///
/// [`Error::Argument`] if there is no such result, or one is asked for twice.
pub fn wanted<'a>(
    spec: &KernelSpec,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<usize>, Error> {
    let mut positions = vec![];
    for (index, name) in names.enumerate() {
        let position = spec.results.iter().position(|result| result.name == name);
        let field = format!("outputs[{index}].name");
        match position {
            Some(position) if positions.contains(&position) => {
                return Err(Error::field(
                    &field,
                    "repeated",
                    "the output is asked for twice",
                ));
            }
            Some(position) => positions.push(position),
            None => {
                let known: Vec<_> = spec.results.iter().map(|result| result.name).collect();
                let message = format!("there is no such output; there are {}", known.join(", "));
                return Err(Error::field(&field, "extra_forbidden", message));
            }
        }
    }
    if positions.is_empty() {
        positions.extend(0..spec.results.len());
    }
    Ok(positions)
}

/// Returns a result as elements with a shape, and whether it is a scalar.
pub fn tensor_of(value: Value) -> (Data, Vec<usize>, bool) {
    let scalar = match value {
        Value::Array(array) => {
            let (data, shape) = array.into_parts();
            return (data, shape, false);
        }
        Value::Scalar(scalar) => scalar,
    };
    let data = match scalar {
        Scalar::Bool(truth) => Data::Bool(vec![truth].into()),
        Scalar::UInt8(number) => Data::UInt8(vec![number].into()),
        Scalar::Int32(number) => Data::Int32(vec![number].into()),
        Scalar::Int64(number) => Data::Int64(vec![number].into()),
        Scalar::Float32(number) => Data::Float32(vec![number].into()),
        Scalar::Float64(number) => Data::Float64(vec![number].into()),
        Scalar::String(_) => unreachable!("no result of a kernel is a text"),
    };
    (data, vec![1], true)
}

/// Reads the text of a BYTES tensor with one element, from its packed form.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if it is no such tensor.
pub fn packed_text(field: &str, mut bytes: Bytes) -> Result<Value, Error> {
    let length = bytes
        .first_chunk()
        .map(|length| u32::from_le_bytes(*length) as usize);
    match length {
        Some(length) if bytes.len() == LENGTH + length => {
            bytes.advance(LENGTH);
            text(field, &bytes)
        }
        _ => {
            let message = "one text is needed: its length in 4 bytes, and so many bytes";
            Err(Error::field(field, "bytes_length", message))
        }
    }
}

/// Returns text that came as bytes.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if it is no UTF-8.
fn text(field: &str, bytes: &[u8]) -> Result<Value, Error> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Value::Scalar(Scalar::String(text.to_owned()))),
        Err(_) => Err(Error::field(
            field,
            "string_unicode",
            "the text is no UTF-8",
        )),
    }
}

fn tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<(String, Value), Error> {
    let name = input.name;
    let element = element(&name, &input.datatype)?;
    let value = match (raw, input.contents) {
        (Some(_), Some(_)) => {
            let message = "the elements are in contents and in raw_input_contents";
            return Err(Error::field(&name, "exactly_one", message));
        }
        (Some(raw), None) if element == ElementType::String => {
            checked_shape(&name, &input.shape, 1)?;
            packed_text(&name, raw)?
        }
        (Some(raw), None) => {
            let data = packed(&name, element, raw)?;
            let shape = checked_shape(&name, &input.shape, data.len())?;
            Value::Array(Array::new(data, shape))
        }
        (None, contents) => {
            let contents = contents.unwrap_or_default();
            typed(&name, element, contents, &input.shape)?
        }
    };
    Ok((name, value))
}

fn typed(
    name: &str,
    element: ElementType,
    contents: InferTensorContents,
    shape: &[i64],
) -> Result<Value, Error> {
    let data = match element {
        ElementType::Bool => Data::Bool(contents.bool_contents.into()),
        ElementType::UInt8 => {
            let narrow = contents.uint_contents.into_iter().map(u8::try_from);
            let narrow: Result<Vec<u8>, _> = narrow.collect();
            let elements = narrow.map_err(|_| {
                Error::field(
                    name,
                    "less_than_equal",
                    "an element of UINT8 is at most 255",
                )
            })?;
            Data::UInt8(elements.into())
        }
        ElementType::Int32 => Data::Int32(contents.int_contents.into()),
        ElementType::Int64 => Data::Int64(contents.int64_contents.into()),
        ElementType::Float32 => Data::Float32(contents.fp32_contents.into()),
        ElementType::Float64 => Data::Float64(contents.fp64_contents.into()),
        ElementType::String => {
            return match &contents.bytes_contents[..] {
                [only] => {
                    checked_shape(name, shape, 1)?;
                    text(name, only)
                }
                _ => Err(Error::field(name, "shape", "one text is needed")),
            };
        }
    };
    let shape = checked_shape(name, shape, data.len())?;
    Ok(Value::Array(Array::new(data, shape)))
}

fn scalar(name: &str, parameter: InferParameter) -> Result<Scalar, Error> {
    Ok(match parameter.parameter_choice {
        Some(ParameterChoice::BoolParam(truth)) => Scalar::Bool(truth),
        Some(ParameterChoice::Int64Param(number)) => Scalar::Int64(number),
        Some(ParameterChoice::StringParam(text)) => Scalar::String(text),
        Some(ParameterChoice::DoubleParam(number)) => Scalar::Float64(number),
        Some(ParameterChoice::Uint64Param(number)) => {
            let number = i64::try_from(number).map_err(|_| {
                let message = format!("Input should be less than or equal to {}", i64::MAX);
                Error::field(name, "less_than_equal", message)
            })?;
            Scalar::Int64(number)
        }
        None => return Err(Error::field(name, "missing", "the parameter is not set")),
    })
}

fn contents_of(data: Data) -> InferTensorContents {
    fn elements<T: Element>(mut buffer: Buffer<T>) -> Vec<T> {
        buffer.take()
    }
    let mut contents = InferTensorContents::default();
    match data {
        Data::Bool(x) => contents.bool_contents = elements(x),
        Data::UInt8(x) => {
            contents.uint_contents = elements(x).into_iter().map(u32::from).collect();
        }
        Data::Int32(x) => contents.int_contents = elements(x),
        Data::Int64(x) => contents.int64_contents = elements(x),
        Data::Float32(x) => contents.fp32_contents = elements(x),
        Data::Float64(x) => contents.fp64_contents = elements(x),
    }
    contents
}

#[cfg(test)]
mod tests {
    use offgil_kernels::Catalogue;

    use super::*;

    #[test]
    fn tells_arguments_from_settings_and_from_mistakes() {
        let catalogue = Catalogue::built_in();
        let spec = catalogue.get("ema").expect("built in").spec();
        assert_eq!(is_argument(spec, "alpha"), Ok(true));
        assert_eq!(is_argument(spec, "x"), Ok(false));
        assert_eq!(is_argument(spec, "colour"), Ok(false));
        for setting in SETTINGS {
            assert_eq!(is_argument(spec, setting), Ok(false));
        }
        let Err(Error::Argument { field, message, .. }) = is_argument(spec, "alhpa") else {
            panic!("it is misspelt");
        };
        assert_eq!(field, "alhpa");
        assert!(message.contains("did you mean alpha?"), "{message}");
    }

    #[test]
    fn holds_texts_to_their_shapes() {
        let input = |shape: &[i64]| InferInputTensor {
            name: "how".to_owned(),
            datatype: "BYTES".to_owned(),
            shape: shape.to_vec(),
            parameters: Default::default(),
            contents: None,
        };
        let raw = || Some(Bytes::from_static(b"\x01\0\0\0a"));
        assert!(tensor(input(&[1]), raw()).is_ok());
        assert!(tensor(input(&[7]), raw()).is_err());
    }

    #[test]
    fn reads_one_packed_text() {
        let read = packed_text("how", Bytes::from_static(b"\x05\0\0\0m\xc3\xa9an"));
        assert_eq!(read, Ok(Value::Scalar(Scalar::String("méan".into()))));
        for wrong in [
            &b""[..],
            b"\x04\0\0\0abc",
            b"\x01\0\0\0\xff",
            b"\x01\0\0\0ab",
        ] {
            assert!(packed_text("how", Bytes::from_static(wrong)).is_err());
        }
    }
}
