//! An expression as a list of instructions over registers.

use std::{mem, ops::Range};

use super::{
    apply::apply,
    operation::{MAX_ARITY, Operation},
};
use crate::{
    context::{Context, Stopped},
    vectorize::vectorize,
};

/// Instructions between two polls of the context: each takes some microseconds, or tens of them, but for remainders.
const INSTRUCTIONS_A_CHECK: usize = 8;

/// The elements that all registers together hold, if they are few: they stay in the first-level cache.
const REGISTER_ELEMENTS: usize = 8192;
const LONGEST_BLOCK: usize = 1024;
const SHORTEST_BLOCK: usize = 64;

/// Where an instruction finds a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operand {
    /// The same for each element.
    Constant(f64),
    /// The vector of an index.
    Vector(usize),
    /// The register of an index, which is free again afterwards.
    Register(usize),
}

/// One operation on a block of elements.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    operation: Operation,
    operands: [Operand; MAX_ARITY],
    target: usize,
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
    result: Operand,
    registers: usize,
}

/// A program that is being written.
#[derive(Debug, Default)]
pub(super) struct Builder {
    instructions: Vec<Instruction>,
    free: Vec<usize>,
    registers: usize,
}

/// The numbers of an operand in one block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers<'a> {
    One(f64),
    Each(&'a [f64]),
}

/// Room for the intermediate results of one block.
pub(super) type Registers = Vec<Vec<f64>>;

// === impl Builder ===

impl Builder {
    /// Adds an operation, and returns where its result is. Of constants it is computed at once.
    pub(super) fn emit(&mut self, operation: Operation, operands: &[Operand]) -> Operand {
        let (operation, count) = simplify(operation, operands);
        let mut all = [Operand::Constant(0.0); MAX_ARITY];
        all[..count].copy_from_slice(&operands[..count]);
        if let Some(result) = fold(operation, &all) {
            return Operand::Constant(result);
        }
        // Taken before those of the operands are free: an operation never overwrites what it reads.
        let target = self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        });
        let registers = all.iter().filter_map(|operand| match operand {
            Operand::Register(index) => Some(*index),
            Operand::Constant(_) | Operand::Vector(_) => None,
        });
        self.free.extend(registers);
        self.instructions.push(Instruction {
            operation,
            operands: all,
            target,
        });
        Operand::Register(target)
    }

    /// Returns the program whose result is that of the last instruction, or no instruction's.
    pub(super) fn finish(self, result: Operand) -> Program {
        Program {
            instructions: self.instructions,
            result,
            registers: self.registers,
        }
    }
}

/// Returns a faster operation with the same result but for its rounding, and how many of the operands it takes.
fn simplify(operation: Operation, operands: &[Operand]) -> (Operation, usize) {
    match (operation, operands) {
        (Operation::Power, [_, Operand::Constant(2.0)]) => (Operation::Square, 1),
        (Operation::Power, [_, Operand::Constant(3.0)]) => (Operation::Cube, 1),
        _ => (operation, operation.arity()),
    }
}

fn fold(operation: Operation, operands: &[Operand; MAX_ARITY]) -> Option<f64> {
    let mut constants = [Numbers::One(0.0); MAX_ARITY];
    for (constant, operand) in constants.iter_mut().zip(operands) {
        match operand {
            Operand::Constant(value) => *constant = Numbers::One(*value),
            Operand::Vector(_) | Operand::Register(_) => return None,
        }
    }
    let mut result = [0.0];
    vectorize(
        #[inline(always)]
        || apply(operation, constants, &mut result),
    );
    Some(result[0])
}

// === impl Program ===

impl Program {
    /// Returns how many elements are computed together.
    ///
    /// The more registers there are the shorter they are, so they take at most a few hundred kilobytes.
    pub(super) fn block(&self) -> usize {
        let length = REGISTER_ELEMENTS / self.registers.max(1);
        length.clamp(SHORTEST_BLOCK, LONGEST_BLOCK)
    }

    /// Returns room for the intermediate results of one block.
    pub(super) fn registers(&self) -> Registers {
        vec![vec![0.0; self.block()]; self.registers]
    }

    /// Computes the results of the elements from `start` on, at most as many as a block has.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if `context` asked to stop.
    pub(super) fn run(
        &self,
        vectors: &[&[f64]],
        start: usize,
        results: &mut [f64],
        registers: &mut Registers,
        context: &Context,
    ) -> Result<(), Stopped> {
        context.check()?;
        let block = start..start + results.len();
        let Some((last, others)) = self.instructions.split_last() else {
            copy(self.result, vectors, block, results);
            return Ok(());
        };
        for (index, instruction) in others.iter().enumerate() {
            // A remainder of a great quotient takes a microsecond for each element.
            let is_slow = instruction.operation == Operation::Remainder;
            if is_slow || index % INSTRUCTIONS_A_CHECK == INSTRUCTIONS_A_CHECK - 1 {
                context.check()?;
            }
            let mut target = mem::take(&mut registers[instruction.target]);
            let into = &mut target[..block.len()];
            instruction.run(vectors, registers, block.clone(), into);
            registers[instruction.target] = target;
        }
        last.run(vectors, registers, block, results);
        Ok(())
    }
}

/// Writes the result of a program without an instruction.
fn copy(result: Operand, vectors: &[&[f64]], block: Range<usize>, results: &mut [f64]) {
    match result {
        Operand::Constant(value) => results.fill(value),
        Operand::Vector(index) => results.copy_from_slice(&vectors[index][block]),
        Operand::Register(_) => unreachable!("no instruction has written a register"),
    }
}

// === impl Instruction ===

impl Instruction {
    fn run(
        &self,
        vectors: &[&[f64]],
        registers: &Registers,
        block: Range<usize>,
        into: &mut [f64],
    ) {
        let operands = self.operands.map(|operand| match operand {
            Operand::Constant(value) => Numbers::One(value),
            Operand::Vector(index) => Numbers::Each(&vectors[index][block.clone()]),
            Operand::Register(index) => Numbers::Each(&registers[index][..block.len()]),
        });
        vectorize(
            #[inline(always)]
            || apply(self.operation, operands, into),
        );
    }
}
