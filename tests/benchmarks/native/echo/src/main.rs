//! A bare tonic server: the floor of a tiny unary call. Its argument is the address to listen on.

use std::{env, error::Error};

use tonic::{Request, Response, Status, transport::Server};

mod proto {
    tonic::include_proto!("offgil.v1");
}

use proto::{
    SumSquaresRequest, SumSquaresResponse,
    compute_service_server::{ComputeService, ComputeServiceServer},
};

struct Compute;

#[tonic::async_trait]
impl ComputeService for Compute {
    async fn sum_squares(
        &self,
        request: Request<SumSquaresRequest>,
    ) -> Result<Response<SumSquaresResponse>, Status> {
        let SumSquaresRequest { a, b } = request.into_inner();
        let sum_of_squares = a * a + b * b;
        Ok(Response::new(SumSquaresResponse { sum_of_squares }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("usage: echo ADDRESS")?.parse()?;
    // TCP_NODELAY is a default of `serve`.
    Server::builder()
        .add_service(ComputeServiceServer::new(Compute))
        .serve(address)
        .await?;
    Ok(())
}
