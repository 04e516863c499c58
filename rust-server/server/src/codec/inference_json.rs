//! The REST form of the Open Inference Protocol: JSON, with binary data behind it if the caller likes.

use std::collections::HashMap;

use bytes::Bytes;
use offgil_kernels::{Array, Data, ElementType, KernelSpec, Scalar, Value};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    arrays::packed,
    json::{check_object, malformed, read_tensor, write_data},
    shape::checked_shape,
    tensors::{check_count, datatype, element, is_argument, packed_text, tensor_of, wanted},
};
use crate::error::Error;

/// What the results of a request are to look like.
#[derive(Debug)]
pub struct ResponseForm {
    id: Option<String>,
    /// The positions of the results, and whether they are binary.
    outputs: Vec<(usize, bool)>,
}

/// A body, and the length of the JSON at its beginning if binary data follow.
#[derive(Debug)]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// The length of the JSON at the beginning, if binary data follow.
    pub header_bytes: Option<usize>,
}

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(default, borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Vec<RequestedOutput>,
    #[serde(default)]
    parameters: HashMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Input<'a> {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: InputParameters,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct InputParameters {
    binary_data_size: Option<usize>,
}

#[derive(Deserialize)]
struct RequestedOutput {
    name: String,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Reads the arguments of a kernel, and what the response is to look like.
///
/// # Errors
///
/// [`Error::Json`] if the JSON is not well-formed, [`Error::Argument`] if it is no request, or an input is not what
/// its datatype and shape say.
pub fn read(spec: &KernelSpec, body: &Body) -> Result<(Vec<(String, Value)>, ResponseForm), Error> {
    let header_bytes = body.header_bytes.unwrap_or(body.bytes.len());
    if header_bytes > body.bytes.len() {
        let message = format!("the body has {} bytes, fewer than that", body.bytes.len());
        return Err(Error::field("header_bytes", "too_long", message));
    }
    let text = &body.bytes[..header_bytes];
    // serde would read a list as a struct too.
    check_object(text)?;
    let request: Request<'_> =
        serde_json::from_slice(text).map_err(|error| refused(text, &error))?;
    let mut binary = body.bytes.slice(header_bytes..);
    let mut values = vec![];
    for input in &request.inputs {
        values.push((input.name.clone(), input_value(input, &mut binary)?));
    }
    if !binary.is_empty() {
        let message = format!("{} bytes of binary data belong to no input", binary.len());
        return Err(Error::field("inputs", "bytes_length", message));
    }
    check_count(request.parameters.len())?;
    for (name, parameter) in &request.parameters {
        if is_argument(spec, name)? {
            values.push((name.clone(), Value::Scalar(scalar(name, parameter)?)));
        }
    }
    let binary_by_default = request.parameters.get("binary_data_output");
    let binary_by_default = binary_by_default.and_then(serde_json::Value::as_bool) == Some(true);
    let positions = wanted(
        spec,
        request.outputs.iter().map(|output| output.name.as_str()),
    )?;
    let is_binary = |index| {
        let asked = request
            .outputs
            .get(index)
            .and_then(|output: &RequestedOutput| output.parameters.binary_data);
        asked.unwrap_or(binary_by_default)
    };
    let outputs = positions.into_iter().enumerate();
    let form = ResponseForm {
        id: request.id,
        outputs: outputs
            .map(|(index, position)| (position, is_binary(index)))
            .collect(),
    };
    Ok((values, form))
}

/// Writes the results of a kernel.
pub fn write(spec: &KernelSpec, version: &str, results: Vec<Value>, form: ResponseForm) -> Body {
    let mut results: Vec<_> = results.into_iter().map(Some).collect();
    let mut binary = vec![];
    let mut outputs = vec![];
    for (position, is_binary) in form.outputs {
        let result = results[position].take();
        let (data, shape, _) = tensor_of(result.expect("an output is asked for once"));
        let mut output = Output {
            name: spec.results[position].name,
            datatype: datatype(data.element()),
            shape,
            parameters: None,
            data: None,
        };
        if is_binary {
            let bytes = data.into_bytes();
            let binary_data_size = bytes.len();
            output.parameters = Some(BinarySize { binary_data_size });
            binary.push(bytes);
        } else {
            let mut text = vec![];
            write_data(&mut text, &data);
            let text = String::from_utf8(text).expect("JSON is UTF-8");
            output.data = Some(RawValue::from_string(text).expect("what was written is JSON"));
        }
        outputs.push(output);
    }
    let response = Response {
        model_name: spec.name,
        model_version: version,
        id: form.id,
        outputs,
    };
    let mut bytes = serde_json::to_vec(&response).expect("names and numbers always can be written");
    let header_bytes = (!binary.is_empty()).then_some(bytes.len());
    bytes.extend(binary.iter().flatten());
    Body {
        bytes: bytes.into(),
        header_bytes,
    }
}

fn refused(text: &[u8], error: &serde_json::Error) -> Error {
    if !error.is_data() {
        return malformed(text, error);
    }
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    Error::field("", "model_attributes_type", message)
}

fn input_value(input: &Input<'_>, binary: &mut Bytes) -> Result<Value, Error> {
    let name = &input.name;
    let element = element(name, &input.datatype)?;
    let size = input.parameters.binary_data_size;
    let data = match (size, input.data) {
        (Some(size), None) if size <= binary.len() => {
            let bytes = binary.split_to(size);
            if element == ElementType::String {
                checked_shape(name, &input.shape, 1)?;
                return packed_text(name, bytes);
            }
            packed(name, element, bytes)?
        }
        (Some(size), None) => {
            let message = format!(
                "{size} bytes of binary data are announced, {} are left",
                binary.len()
            );
            return Err(Error::field(name, "bytes_length", message));
        }
        (None, Some(raw)) if element == ElementType::String => {
            checked_shape(name, &input.shape, 1)?;
            return text(name, raw);
        }
        (None, Some(raw)) => {
            let data = read_tensor(name, raw, element)?;
            check_range(name, element, &data)?;
            data
        }
        (None, None) | (Some(_), Some(_)) => {
            let message = "either data or binary_data_size is needed";
            return Err(Error::field(name, "exactly_one", message));
        }
    };
    let shape = checked_shape(name, &input.shape, data.len())?;
    Ok(Value::Array(Array::new(data, shape)))
}

/// Checks that integers, which JSON has of one width, fit the datatype that the caller gives them.
fn check_range(name: &str, element: ElementType, data: &Data) -> Result<(), Error> {
    let (Some((least, greatest)), Data::Int64(integers)) = (element.integer_range(), data) else {
        return Ok(());
    };
    let mut indexed = integers.as_slice().iter().enumerate();
    let Some((index, integer)) = indexed.find(|(_, x)| !(least..=greatest).contains(*x)) else {
        return Ok(());
    };
    let (kind, bound, limit) = if *integer < least {
        ("greater_than_equal", "greater", least)
    } else {
        ("less_than_equal", "less", greatest)
    };
    let message = format!("Input should be {bound} than or equal to {limit}");
    Err(Error::field(&format!("{name}[{index}]"), kind, message))
}

fn text(name: &str, raw: &RawValue) -> Result<Value, Error> {
    match serde_json::from_str::<[String; 1]>(raw.get()) {
        Ok([text]) => Ok(Value::Scalar(Scalar::String(text))),
        Err(_) => Err(Error::field(
            name,
            "list_type",
            "a list of one text is needed",
        )),
    }
}

fn scalar(name: &str, parameter: &serde_json::Value) -> Result<Scalar, Error> {
    let number = |number: &serde_json::Number| {
        let float = || number.as_f64().map(Scalar::Float64);
        number.as_i64().map(Scalar::Int64).or_else(float)
    };
    let scalar = match parameter {
        serde_json::Value::Bool(truth) => Some(Scalar::Bool(*truth)),
        serde_json::Value::String(text) => Some(Scalar::String(text.clone())),
        serde_json::Value::Number(given) => number(given),
        _ => None,
    };
    scalar.ok_or_else(|| Error::field(name, "value_error", "a number, truth or text is needed"))
}

#[cfg(test)]
mod tests {
    use offgil_kernels::Catalogue;

    use super::*;

    fn fault(text: &str) -> Error {
        let catalogue = Catalogue::built_in();
        let kernel = catalogue.get("process_numbers").expect("built in");
        let body = Body {
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            header_bytes: None,
        };
        read(kernel.spec(), &body).expect_err("the request is wrong")
    }

    fn tensor(datatype: &str, data: &str) -> String {
        format!(
            r#"{{"inputs":[{{"name":"numbers","shape":[2],"datatype":"{datatype}","data":{data}}}]}}"#
        )
    }

    #[test]
    fn locates_a_syntax_error_in_any_line() {
        match fault("{\n\n  x}") {
            Error::Json { position, .. } => assert_eq!(position, 5),
            error => panic!("{error}"),
        }
    }

    #[test]
    fn refuses_a_list_in_place_of_a_request() {
        let error = fault(r#"["id",[],[],{}]"#);
        assert_eq!(
            error.to_string(),
            "Input should be a valid dictionary or object to extract fields from"
        );
    }

    #[test]
    fn holds_integers_to_their_datatype() {
        for (datatype, data, message) in [
            (
                "UINT8",
                "[1,256]",
                "numbers[1]: Input should be less than or equal to 255",
            ),
            (
                "UINT8",
                "[-1,256]",
                "numbers[0]: Input should be greater than or equal to 0",
            ),
            (
                "INT32",
                "[1,2147483648]",
                "numbers[1]: Input should be less than or equal to 2147483647",
            ),
        ] {
            assert_eq!(fault(&tensor(datatype, data)).to_string(), message);
        }
    }
}
