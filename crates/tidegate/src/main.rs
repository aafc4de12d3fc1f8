//! The program: a command line that starts one of the parts of the library.

use std::future::Future;
use std::num::NonZeroU64;
use std::process::ExitCode;

use tidegate::cli::{self, Command};
use tidegate::watch::{self, WatchOptions, Wishes};
use tidegate::{check, config, demo, init, logging, serve};

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    match cli::parse().command {
        Command::Check(args) => {
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            // A reader that closed the pipe wants no more output; there is nobody left to tell.
            let code = check::run(&args.config, &environment, &mut out, &mut err);
            ExitCode::from(code.unwrap_or(check::EXIT_WRONG))
        }
        Command::Init(args) => {
            let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout().lock());
            let code = init::run(&args, &mut input, &mut out, &mut std::io::stderr().lock());
            ExitCode::from(code.unwrap_or(check::EXIT_WRONG))
        }
        Command::Serve(args) => match args.config(&environment) {
            Ok(config) => {
                logging::start("info");
                on_a_runtime(serve::run(config))
            }
            Err(errors) => {
                eprint!("{}", config::render(&errors));
                ExitCode::FAILURE
            }
        },
        Command::Watch(args) => on_a_runtime(watch::run(WatchOptions {
            url: args.url.to_string(),
            json: args.json,
            poll: args.poll,
            headers: args.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            count: args.count.map(NonZeroU64::get),
            wishes: Wishes {
                select: args.select,
                mode: args.mode,
                rate: args.rate,
                max_age: args.max_age,
                transport: args.transport,
            },
        })),
        Command::Demo(args) => {
            // Warnings only: the terminal is to show where to look.
            logging::start("warn");
            on_a_runtime(demo::run(args))
        }
    }
}

fn on_a_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // Whatever still waits for an origin does not hold up the end.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("tidegate: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
