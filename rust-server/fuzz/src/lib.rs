//! What the fuzz targets share.
//!
//! | module | what it does |
//! |---|---|
//! | [`input`] | tells what an input chooses from what is to be read, and cuts the latter |
//! | [`kernels`] | the catalogue, and what holds for the arguments and results of every kernel |
//! | [`image`] | compares values to the bit |
//! | [`mirror`] | kernels that give back their arguments, for what is written and read again |
//! | [`in_process`] | the services behind their edge, without a socket |

pub mod image;
pub mod in_process;
pub mod input;
pub mod kernels;
pub mod mirror;
