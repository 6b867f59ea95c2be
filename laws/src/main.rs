//! Writes the known-answer cases of `events/` as the corpus of a law: `laws LAW FOLDER`.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    let (Some(law), Some(folder)) = (args.next(), args.next()) else {
        return Err(io::Error::other("usage: laws LAW FOLDER"));
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    for (number, seed) in laws::seeds(&law).into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}
