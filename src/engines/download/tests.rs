use super::*;
use crate::engines::http_stand_in::{Request, Response, StandIn};

const LENGTH: usize = 300_000;

fn content() -> Vec<u8> {
    (0..LENGTH).map(|n| (n * 31 % 251) as u8).collect()
}

fn checksum(bytes: &[u8]) -> String {
    hexadecimal(hash_of(bytes).expect("it is in memory"))
}

struct Place {
    folder: tempfile::TempDir,
    download: Download,
}

fn place(hub: &StandIn) -> Place {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let download = Download {
        url: format!("{}/ggml-x.bin", hub.url),
        file: folder.path().join("new/ggml-x.bin"),
        sha256: checksum(&content()),
    };
    Place { folder, download }
}

impl Place {
    fn run(&self) -> Result<Fetched, DownloadError> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().expect("it can be made");
        let client = Download::client().expect("it can be made");
        runtime.block_on(self.download.run(&client, &ProgressBar::hidden()))
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join("new"));
        let files = files.into_iter().flatten().flatten();
        let mut names: Vec<String> = files
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// With ranges, as hubs have them.
fn whole_or_rest(request: &Request) -> Response {
    let content = content();
    let from = request.header("range").and_then(|range| {
        let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        from.parse::<usize>().ok()
    });
    match from {
        None => Response::new(200, content),
        Some(from) if from >= LENGTH => Response::new(416, ""),
        Some(from) => Response {
            headers: vec![(
                "Content-Range",
                format!("bytes {from}-{}/{LENGTH}", LENGTH - 1),
            )],
            ..Response::new(206, &content[from..])
        },
    }
}

#[test]
fn a_file_is_fetched_once() {
    let hub = StandIn::start(|request, _| whole_or_rest(request));
    let place = place(&hub);
    assert_eq!(place.run().unwrap(), Fetched::Whole { resumed_from: 0 });
    assert_eq!(place.files(), ["ggml-x.bin"]);
    assert_eq!(std::fs::read(&place.download.file).unwrap(), content());
    assert_eq!(place.run().unwrap(), Fetched::AlreadyThere);
    assert_eq!(hub.take_requests().len(), 1);
    // One that was damaged since is replaced.
    std::fs::write(&place.download.file, b"cut").unwrap();
    assert_eq!(place.run().unwrap(), Fetched::Whole { resumed_from: 0 });
    assert_eq!(std::fs::read(&place.download.file).unwrap(), content());
}

#[test]
fn a_line_that_is_cut_is_taken_up_where_it_was() {
    let hub = StandIn::start(|request, asked| Response {
        cut_at: (asked < 3).then_some(70_000),
        ..whole_or_rest(request)
    });
    let place = place(&hub);
    assert_eq!(place.run().unwrap(), Fetched::Whole { resumed_from: 0 });
    assert_eq!(std::fs::read(&place.download.file).unwrap(), content());
    let requests = hub.take_requests();
    let ranges: Vec<_> = requests
        .iter()
        .map(|request| request.header("range"))
        .collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=70000-"),
            Some("bytes=140000-"),
            Some("bytes=210000-")
        ]
    );
}

#[test]
fn what_a_former_run_began_goes_on() {
    let hub = StandIn::start(|request, _| whole_or_rest(request));
    for (begun, resumed_from) in [(100_000, 100_000), (LENGTH, LENGTH as u64)] {
        let place = place(&hub);
        std::fs::create_dir_all(place.folder.path().join("new")).unwrap();
        std::fs::write(place.download.part(), &content()[..begun]).unwrap();
        assert_eq!(place.run().unwrap(), Fetched::Whole { resumed_from });
        assert_eq!(place.files(), ["ggml-x.bin"]);
    }
}

#[test]
fn a_hub_without_ranges_begins_anew() {
    let hub = StandIn::start(|_, _| Response::new(200, content()));
    let place = place(&hub);
    std::fs::create_dir_all(place.folder.path().join("new")).unwrap();
    std::fs::write(place.download.part(), b"something else").unwrap();
    assert_eq!(place.run().unwrap(), Fetched::Whole { resumed_from: 0 });
    assert_eq!(std::fs::read(&place.download.file).unwrap(), content());
}

#[test]
fn what_is_not_what_was_expected_is_deleted() {
    let hub = StandIn::start(|_, _| Response::new(200, "<html>"));
    let place = place(&hub);
    let error = place.run().unwrap_err();
    assert!(
        matches!(error, DownloadError::WrongChecksum { .. }),
        "{error}"
    );
    assert_eq!(place.files(), [] as [&str; 0]);
    // Nor does a wrong beginning stay for ever.
    let hub = StandIn::start(|request, _| whole_or_rest(request));
    let other = self::place(&hub);
    std::fs::create_dir_all(other.folder.path().join("new")).unwrap();
    std::fs::write(other.download.part(), b"something else").unwrap();
    assert!(matches!(
        other.run(),
        Err(DownloadError::WrongChecksum { .. })
    ));
    assert_eq!(other.run().unwrap(), Fetched::Whole { resumed_from: 0 });
}

#[test]
fn what_a_hub_refuses_is_told_at_once_and_what_it_cannot_do_now_is_tried_again() {
    for (status, told) in [
        (404, "no such file (404)"),
        (401, "answered 401"),
        (403, "answered 403"),
    ] {
        let hub = StandIn::start(move |_, _| Response::new(status, ""));
        let place = place(&hub);
        let error = place.run().unwrap_err().to_string();
        assert!(
            error.contains(told) && error.contains("--mirror"),
            "{error}"
        );
        assert_eq!(hub.take_requests().len(), 1);
    }
    let hub = StandIn::start(|request, asked| match asked {
        0 => Response::new(503, ""),
        _ => whole_or_rest(request),
    });
    assert!(place(&hub).run().is_ok());
    let dead = StandIn::start(|_, _| Response {
        cut_at: Some(0),
        ..Response::new(200, content())
    });
    let error = place(&dead).run().unwrap_err().to_string();
    assert!(error.contains("run the command again"), "{error}");
    assert_eq!(dead.take_requests().len(), ATTEMPTS as usize);
}

#[test]
fn a_full_disk_is_told_as_that() {
    let hub = StandIn::start(|request, _| whole_or_rest(request));
    let place = place(&hub);
    std::fs::create_dir_all(place.folder.path().join("new")).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.download.part()).unwrap();
    let error = place.run().unwrap_err();
    assert!(error.to_string().contains("make room there"), "{error}");
}

#[test]
fn two_at_a_time_do_not_write_into_one_file() {
    let hub = StandIn::start(|request, _| whole_or_rest(request));
    let place = place(&hub);
    let part = Part::open(&place.download.part()).unwrap();
    flock(&part.file, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(matches!(place.run(), Err(DownloadError::Busy { .. })));
}
