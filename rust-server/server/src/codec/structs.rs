//! `google.protobuf.Struct`, for people: by way of JSON text, which the kernels' parameters explain.

use offgil_kernels::{KernelSpec, Value};
use prost_types::{ListValue, Struct, Value as StructValue, value::Kind};
use serde_json::{Map, Number, Value as Json};

use super::{joined, json::write_results};

/// Floats hold integers exactly up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the JSON object that stands for a `Struct`.
///
/// A number without a fraction is an integer, and one that is not finite is a string, as in the text that kernels
/// read.
pub fn to_json(object: Struct) -> Vec<u8> {
    let members = object
        .fields
        .into_iter()
        .map(|(name, value)| (name, json(value)));
    let object = Json::Object(members.collect());
    serde_json::to_vec(&object).expect("a tree of JSON always can be written to memory")
}

/// Returns results as a `Struct`; an integer that a float cannot hold becomes a string of digits.
pub fn from_results(spec: &KernelSpec, results: &[Value]) -> Struct {
    let text = joined(write_results(spec, results));
    let members: Map<String, Json> =
        serde_json::from_slice(&text).expect("results are written as a JSON object");
    let fields = members
        .into_iter()
        .map(|(name, value)| (name, value_of(value)));
    Struct {
        fields: fields.collect(),
    }
}

fn json(value: StructValue) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(truth)) => Json::Bool(truth),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => json_number(number),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(object)) => {
            let members = object
                .fields
                .into_iter()
                .map(|(name, value)| (name, json(value)));
            Json::Object(members.collect())
        }
    }
}

fn json_number(number: f64) -> Json {
    // An integer has no negative zero.
    let is_integer = number.fract() == 0.0 && number.abs() <= EXACT;
    if is_integer && !(number == 0.0 && number.is_sign_negative()) {
        return Json::Number(Number::from(number as i64));
    }
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::String("NaN".into()),
        None if number > 0.0 => Json::String("Infinity".into()),
        None => Json::String("-Infinity".into()),
    }
}

fn value_of(json: Json) -> StructValue {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(truth) => Kind::BoolValue(truth),
        Json::String(text) => Kind::StringValue(text),
        Json::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() > EXACT as u64 => {
                Kind::StringValue(integer.to_string())
            }
            _ => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(value_of).collect(),
        }),
        Json::Object(members) => Kind::StructValue(Struct {
            fields: members
                .into_iter()
                .map(|(name, value)| (name, value_of(value)))
                .collect(),
        }),
    };
    StructValue { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use offgil_kernels::{Catalogue, Scalar};

    use super::*;

    fn object(kinds: [(&str, Kind); 2]) -> Struct {
        let value = |kind| StructValue { kind: Some(kind) };
        let fields = kinds.map(|(name, kind)| (name.to_owned(), value(kind)));
        Struct {
            fields: fields.into_iter().collect(),
        }
    }

    #[test]
    fn writes_whole_numbers_as_integers() {
        let given = object([("a", Kind::NumberValue(3.0)), ("b", Kind::NumberValue(0.5))]);
        assert_eq!(to_json(given), br#"{"a":3,"b":0.5}"#);
        let given = object([
            ("a", Kind::NumberValue(f64::NAN)),
            ("b", Kind::StringValue("7".into())),
        ]);
        assert_eq!(to_json(given), br#"{"a":"NaN","b":"7"}"#);
    }

    #[test]
    fn keeps_the_sign_of_zero() {
        let given = object([
            ("a", Kind::NumberValue(-0.0)),
            ("b", Kind::NumberValue(0.0)),
        ]);
        assert_eq!(to_json(given), br#"{"a":-0.0,"b":0}"#);
    }

    #[test]
    fn gives_long_integers_as_digits() {
        let catalogue = Catalogue::built_in();
        let spec = catalogue.get("sum_squares").expect("built in").spec();
        let results = [3, i64::MAX, 25].map(|x| Value::Scalar(Scalar::Int64(x)));
        let fields = from_results(spec, &results).fields;
        assert_eq!(fields["a"].kind, Some(Kind::NumberValue(3.0)));
        let digits = Kind::StringValue(i64::MAX.to_string());
        assert_eq!(fields["b"].kind, Some(digits));
    }
}
