//! The program: a command line that starts one of the parts of the library.

use std::process::ExitCode;

use tidegate::cli::{self, Command};

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    match cli::parse().command {
        Command::Check(args) => {
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            // A reader that closed the pipe wants no more output; there is nobody left to tell.
            let code = tidegate::check::run(&args.config, &environment, &mut out, &mut err);
            ExitCode::from(code.unwrap_or(tidegate::check::EXIT_WRONG))
        }
        Command::Serve(args) => match args.config(&environment) {
            Ok(config) => {
                print!("{}", tidegate::check::summary(&config));
                ExitCode::SUCCESS
            }
            Err(errors) => {
                eprint!("{}", tidegate::config::render(&errors));
                ExitCode::FAILURE
            }
        },
        Command::Watch(_) | Command::Demo(_) => {
            eprintln!("tidegate: not part of this build");
            ExitCode::FAILURE
        }
    }
}
