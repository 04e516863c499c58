use offgil_kernels::prelude::*;

/// Gives what a kernel cannot give.
#[kernel]
pub fn words(x: &[i64]) -> Vec<String> {
    x.iter().map(|x| x.to_string()).collect()
}

#[derive(Outputs)]
pub struct Pairs {
    pub pairs: Vec<(i64, i64)>,
}

fn main() {}
