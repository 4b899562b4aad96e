//! Several runners and one cache.

use std::fs::File;
use std::time::Duration;

use runner::hub::{HubError, News, Wanted};
use runner::models::families::FOLDERS;

use super::model::{Cache, Model, WEIGHTS, resolve, succeeds, told};
use super::server::{Reply, Server, honest};

/// A server whose weights take a moment.
fn slow(model: &Model) -> Server {
    let files = model.clone();
    Server::new(model, move |request| {
        let bytes = request.path.contains("/store/unet").then(|| honest(&files, request).bytes())?;
        Some(Reply::Free(Box::new(move |wire| {
            for piece in bytes.chunks(20_000) {
                wire.send(piece);
                wire.wait(Duration::from_millis(30));
            }
        })))
    })
}

#[test]
fn the_second_waits_says_so_and_fetches_nothing_twice() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = slow(&model);
    let hub = cache.hub(&server.url);
    let told: Vec<String> = std::thread::scope(|scope| {
        let runs = [(); 3].map(|()| {
            scope.spawn(|| {
                let (result, news) = resolve(&hub);
                result.unwrap();
                told(&news)
            })
        });
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(told.iter().any(|text| text.contains(&format!("another program downloads {WEIGHTS}"))), "{told:?}");
    succeeds(&cache, &hub, &model);
    // Those that wait have asked what the file is, and have let go of the answer.
    let whole = model.get(WEIGHTS).unwrap();
    assert_eq!(std::fs::read(cache.blob(&model.etag(WEIGHTS))).unwrap(), whole);
}

#[test]
fn a_lock_is_waited_for_until_its_owner_ends() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    let folder = cache.path().join(".locks/models--some-owner--tiny");
    std::fs::create_dir_all(&folder).unwrap();
    // As Python's huggingface_hub holds it.
    let lock = File::create(folder.join(format!("{}.lock", model.etag(WEIGHTS)))).unwrap();
    lock.lock().unwrap();
    cache.put(&format!("{}.incomplete", model.etag(WEIGHTS)), &model.get(WEIGHTS).unwrap()[..1000]);
    let hub = cache.hub(&server.url);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1000));
            drop(lock);
        });
        let news = succeeds(&cache, &hub, &model);
        assert!(told(&news).contains("waiting for it"), "{news:?}");
        // How far the other is can be seen meanwhile.
        assert!(news.iter().any(|n| matches!(n, News::Piece(p) if p.file == WEIGHTS && p.done == 1000)), "{news:?}");
    });
    // A lock file that nobody holds is in nobody's way.
    std::fs::remove_dir_all(cache.repo()).unwrap();
    assert!(told(&succeeds(&cache, &hub, &model)).is_empty());
}

#[test]
fn waiting_can_be_stopped() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    let folder = cache.path().join(".locks/models--some-owner--tiny");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(format!("{}.lock", model.etag(WEIGHTS)))).unwrap();
    lock.lock().unwrap();
    let waits = std::cell::Cell::new(false);
    let news = |news| waits.set(waits.get() || matches!(news, News::Note(text) if text.contains("waiting")));
    let watch = runner::hub::Watch { news: &news, stop: &|| waits.get() };
    let error = cache.hub(&server.url).resolve(&super::model::id(), Wanted::files(&FOLDERS), watch).unwrap_err();
    assert!(matches!(error, HubError::Stopped { .. }), "{error}");
}
