use super::*;
use crate::call::example_call::law_4;

fn saved(entries: &[Entry]) -> SavedCall {
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| serde_json::to_string(entry).expect("serializes"))
        .collect();
    SavedCall {
        record: CallRecord::fold(entries).expect("there are events"),
        entries: lines.join("\n"),
        told: Told::default(),
    }
}

/// The example as another call, `number` seconds later.
fn call(number: u64) -> Vec<Entry> {
    let mut entries = law_4();
    for entry in &mut entries {
        entry.at_ms += number * 1000;
        entry.call = CallRef::from_parts(entry.at_ms - entry.at_ms % 1000, number.into());
    }
    let call = entries[0].call;
    entries.iter_mut().for_each(|entry| entry.call = call);
    entries
}

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(dir.path())).await.expect("opens");
    (dir, store)
}

#[tokio::test]
async fn what_is_saved_is_listed_and_found() {
    let (dir, store) = store().await;
    let calls: Vec<SavedCall> = (0..3).map(|number| saved(&call(number))).collect();
    store.save(&calls, &[], 0).await.expect("saves");
    let reader = Store::open_to_read(&store_path(dir.path()))
        .await
        .expect("opens");
    let all = Filter::default();
    let newest = reader
        .list(&all, Order::NewestFirst, 2)
        .await
        .expect("lists");
    assert_eq!(newest, [calls[2].record.clone(), calls[1].record.clone()]);
    let oldest = reader
        .list(&all, Order::OldestFirst, 1)
        .await
        .expect("lists");
    assert_eq!(oldest, [calls[0].record.clone()]);
    let found = calls[1].record.call;
    assert_eq!(reader.entries(found).await.expect("reads"), call(1));
    assert_eq!(
        reader.record(found).await.expect("reads").as_ref(),
        Some(&calls[1].record)
    );
    let prefix = found.to_string()[..6].to_lowercase();
    assert_eq!(
        reader.with_prefix(&prefix, 9).await.expect("finds").len(),
        3
    );
    let whole = found.to_string();
    assert_eq!(reader.with_prefix(&whole, 9).await.expect("finds"), [found]);
    assert_eq!(reader.with_prefix("%", 9).await.expect("finds"), []);
}

#[tokio::test]
async fn filters_restrict() {
    let (_dir, store) = store().await;
    let mut dropped = call(1);
    dropped.truncate(10);
    store
        .save(&[saved(&call(0)), saved(&dropped)], &[], 0)
        .await
        .expect("saves");
    let count = async |filter: Filter| {
        let list = store.list(&filter, Order::NewestFirst, 9).await;
        list.expect("lists").len()
    };
    let start = call(0)[0].at_ms;
    let all = Filter::default;
    let with = |outcomes| Filter { outcomes, ..all() };
    assert_eq!(count(all()).await, 2);
    assert_eq!(count(with(vec![Outcome::Dropped])).await, 1);
    assert_eq!(
        count(with(vec![Outcome::Dropped, Outcome::TransferredConfirmed])).await,
        2
    );
    assert_eq!(count(with(vec![Outcome::Rejected])).await, 0);
    assert_eq!(
        count(Filter {
            since_ms: Some(start + 1),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Filter {
            until_ms: Some(start + 1),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Filter {
            caller: Some("79460".into()),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(Filter {
            caller: Some("' OR 1=1 --".into()),
            ..all()
        })
        .await,
        0
    );
    assert_eq!(
        count(Filter {
            dialplan: Some("bank".into()),
            ..all()
        })
        .await,
        0
    );
}

#[tokio::test]
async fn saving_again_changes_nothing_and_a_part_never_replaces_the_whole() {
    let (_dir, store) = store().await;
    let whole = saved(&call(0));
    let part = saved(&call(0)[5..]);
    store.save(&[whole], &[], 0).await.expect("saves");
    let again = [saved(&call(0)), part];
    store.save(&again, &[], 0).await.expect("saves");
    let list = store
        .list(&Filter::default(), Order::NewestFirst, 9)
        .await
        .expect("lists");
    assert_eq!(list, [saved(&call(0)).record]);
    let entries = store.entries(list[0].call).await.expect("reads");
    assert_eq!(entries, call(0));
    store.close().await;
}

/// What the operator is told of the file that is the store.
async fn refusal(path: &Path) -> String {
    let opened = Store::open_first(path).await.map(|_| ());
    opened.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused() {
    let (dir, store) = store().await;
    let later = "INSERT INTO _sqlx_migrations VALUES (9999, '', '', 1, x'00', 0)";
    let added = sqlx::query(later).execute(&store.pool).await;
    added.expect("adds a migration");
    store.close().await;
    let told = refusal(&store_path(dir.path())).await;
    assert!(told.contains("9999"), "{told}");
}

#[tokio::test]
async fn what_may_pass_keeps_no_server_from_starting() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = store_path(dir.path());
    std::fs::create_dir(&path).expect("makes a folder");
    let opened = Store::open_first(&path).await.expect("it may pass");
    assert!(opened.is_none());
}

#[tokio::test]
async fn a_file_that_is_no_store_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = store_path(dir.path());
    std::fs::write(&path, [7; 9000]).expect("writes");
    let told = refusal(&path).await;
    assert!(
        told.contains("calls.db") && told.contains("not a database") && told.contains("backup"),
        "{told}"
    );
    assert!(
        Store::open_to_read(&dir.path().join("none.db"))
            .await
            .is_err()
    );
}
