//! Puts the results of a kernel into one JSON object.

use offgil_kernels::{KernelSpec, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Bytes of text for one number with its comma; a number below 10⁹ and its comma fit.
const TYPICAL_NUMBER: usize = 11;
/// Bytes of text around the numbers.
const FRAME: usize = 256;

/// Writes results as one JSON object without white space, in the order of the kernel's results.
pub fn write_results(spec: &KernelSpec, values: &[Value]) -> Vec<u8> {
    let numbers: usize = values.iter().map(Value::element_count).sum();
    let mut text = Vec::with_capacity(FRAME + numbers * TYPICAL_NUMBER);
    serde_json::to_writer(&mut text, &Results { spec, values })
        .expect("integers and names always can be written to memory");
    text
}

struct Results<'a> {
    spec: &'a KernelSpec,
    values: &'a [Value],
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.values.len()))?;
        for (result, value) in self.spec.results.iter().zip(self.values) {
            match value {
                Value::Int64(number) => object.serialize_entry(result.name, number)?,
                Value::Int64Vector(numbers) => object.serialize_entry(result.name, numbers)?,
            }
        }
        object.end()
    }
}
