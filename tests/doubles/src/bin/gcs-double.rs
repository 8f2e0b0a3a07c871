//! Runs the double of Google Cloud Storage as a process: `gcs-double [--address 127.0.0.1:0]`.
//!
//! Prints its endpoint as the first line, then serves until it is killed. Objects live in memory.

use reprise_doubles::GcsDouble;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match arguments.as_slice() {
        [] => "127.0.0.1:0",
        [flag, address] if flag == "--address" => address,
        _ => return Err(std::io::Error::other("usage: gcs-double [--address HOST:PORT]")),
    };
    let double = GcsDouble::start_at(address).await?;
    println!("{}", double.endpoint());
    double.serve().await
}
