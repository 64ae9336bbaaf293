//! What would keep the server from starting is found before prompts are made, which takes seconds.

use super::journal_writer::is_free;
use super::serve::{ServeError, bind_http, data_folder, io_error, listen};
use super::transports::Transports;
use crate::config::Config;
use crate::store::calls::{Store, store_path};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tries the data folder, its lock, the store of calls and every address, and lets them go again.
pub fn look_first(config: &Config) -> Result<(), ServeError> {
    data_folder(config)?;
    if is_open_to_others(&config.data) {
        tracing::warn!(
            "other users of this machine can read the calls and recordings in {0}: \
             `chmod -R go-rwx {0}` keeps them out",
            config.data.display()
        );
    }
    is_free(&config.data)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io_error("cannot start the runtime"))?;
    runtime.block_on(async {
        if let Some(store) = Store::open_first(&store_path(&config.data)).await? {
            store.close().await;
        }
        let sip = Transports::bind(&listen(config)).await;
        drop(sip.map_err(io_error("SIP (`listen` in the config, or --listen)"))?);
        let console = std::iter::once(("console", config.console));
        let metrics = config.metrics.map(|address| ("metrics", address));
        for (setting, address) in console.chain(metrics) {
            bind_http(address, setting).await?;
        }
        Ok(())
    })
}

/// A folder that was there already may be. A group is left to whoever gave it the right.
fn is_open_to_others(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|folder| folder.mode() & 0o007 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_taken_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let overrides = |data: &str| Overrides {
            data: Some(folder.path().join(data)),
            ..Overrides::default()
        };
        let mut config = Config::load(None, overrides("data")).expect("defaults");
        config.listen.clear();
        config.console = "127.0.0.1:0".parse().expect("an address");
        look_first(&config).expect("nothing is in the way");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        config.console = taken.local_addr().expect("it has one");
        let told = look_first(&config).expect_err("it is taken").to_string();
        assert!(
            told.contains("`console` in the config") && told.contains("another program"),
            "{told}"
        );
        let store = folder.path().join("data/calls.db");
        std::fs::write(store, [7; 9000]).expect("writes");
        let told = look_first(&config).expect_err("it is none").to_string();
        assert!(told.contains("calls.db"), "{told}");
        std::fs::write(folder.path().join("file"), "").expect("writes");
        let config = Config::load(None, overrides("file")).expect("defaults");
        let told = look_first(&config).expect_err("it is a file").to_string();
        assert!(told.contains("--data"), "{told}");
    }

    #[test]
    fn a_folder_that_others_can_enter_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        for (mode, is_open) in [(0o700, false), (0o750, false), (0o755, true)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path(), mode).expect("it is ours");
            assert_eq!(is_open_to_others(folder.path()), is_open);
        }
    }

    #[test]
    fn who_holds_the_data_folder_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = crate::journal::append::Limits::for_calls(1);
        let journal = super::super::journal_writer::Journal::open(folder.path(), limits);
        let (journal, _) = journal.expect("it opens");
        let told = is_free(folder.path()).expect_err("it is held").to_string();
        let process = format!("process {}", std::process::id());
        assert!(told.contains(&process), "{told}");
        journal.shutdown();
        is_free(folder.path()).expect("it is free again");
    }
}
