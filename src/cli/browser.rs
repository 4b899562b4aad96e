//! Opens a report in the browser.

use std::path::Path;

/// Opens the page, or says why it does not. The report is written in any case, so it is no failure.
pub(super) fn show(page: &Path) -> Option<String> {
    let path = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let failed = || ::open::that_detached(&path).err().map(|error| format!("no browser could be started ({error})"));
    let why = no_desktop(&set).or_else(failed)?;
    Some(format!("the report was not opened: {why}; it is {}", path.display()))
}

/// Why there is nothing to open a page with.
fn no_desktop(set: &dyn Fn(&str) -> bool) -> Option<String> {
    if set("CI") {
        return Some("this is an automatic build (the variable CI is set)".to_owned());
    }
    let may_have_none = cfg!(all(unix, not(target_os = "macos")));
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"];
    (may_have_none && !desktop.iter().any(|name| set(name)))
        .then(|| "there is no desktop here (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_where_nothing_can_be_opened() {
        let with = |names: &'static [&str]| no_desktop(&|name| names.contains(&name));
        assert!(with(&["CI", "DISPLAY"]).unwrap().contains("CI"));
        assert_eq!(with(&["DISPLAY"]), None);
        assert_eq!(with(&["WAYLAND_DISPLAY"]), None);
        assert_eq!(with(&[]).is_some(), cfg!(all(unix, not(target_os = "macos"))));
    }
}
