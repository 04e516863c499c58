use offgil_kernels::prelude::*;

/// Is generic.
#[kernel]
pub fn generic<T>(x: Vec<T>) -> i64 {
    x.len() as i64
}

/// Waits.
#[kernel]
pub async fn waits(x: Vec<i64>) -> i64 {
    x.len() as i64
}

/// Has an unknown attribute.
#[kernel]
pub fn unknown(#[arg(least = 3)] x: i64) -> i64 {
    x
}

/// Has its variadic parameter first.
#[kernel]
pub fn first(#[arg(variadic)] vectors: Named<'_, f64>, x: i64) -> i64 {
    x + vectors.len() as i64
}

#[derive(Choice)]
pub enum Payload {
    Some(i64),
}

#[derive(Outputs)]
pub struct Unnamed(i64);

fn main() {}
