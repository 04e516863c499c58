use offgil_kernels::prelude::*;

/// Takes what a kernel cannot take.
#[kernel]
pub fn words(x: &[&str], total: u64) -> i64 {
    x.len() as i64 + total as i64
}

fn main() {}
