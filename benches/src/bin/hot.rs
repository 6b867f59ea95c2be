//! Runs one hot function so many times: `hot PROVIDER/STEP TIMES`.

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (name, times) = (args.next(), args.next());
    let times = times.context("TIMES")?.parse()?;
    benches::hot::run(&name.context("PROVIDER/STEP")?, times)
}
