"""Tests of sealing: keys rotate by standing in front, nothing opens without its key, hashes stay comparable."""

from __future__ import annotations

import pytest

from core.ads import sealing
from tests.conftest import SettingsEnv

OLD = "1:" + bytes(range(1, 33)).hex()
NEW = "2:" + bytes(range(33, 65)).hex()
DETAILS = '{"purse":"Z123456789012","holder":"Zoë"}'


def test_what_was_sealed_is_read_again(settings_env: SettingsEnv) -> None:
    settings_env(DATA_KEYS=OLD)

    sealed = sealing.seal(DETAILS)

    assert sealing.available()
    assert sealing.unseal(sealed) == DETAILS
    assert "Z123456789012" not in sealed
    assert sealing.seal(DETAILS) != sealed


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(settings_env: SettingsEnv) -> None:
    settings_env(DATA_KEYS=OLD)
    before = sealing.seal(DETAILS)
    settings_env(DATA_KEYS=f"{NEW},{OLD}")

    assert sealing.unseal(before) == DETAILS
    after = sealing.seal(DETAILS)

    settings_env(DATA_KEYS=NEW)
    assert sealing.unseal(after) == DETAILS
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(before)


@pytest.mark.parametrize("change", [lambda text: text[:-4] + "AAA=", lambda text: "", lambda text: "gAAAA" + text])
def test_a_changed_text_is_refused_without_a_word_of_it(settings_env: SettingsEnv, change: object) -> None:
    settings_env(DATA_KEYS=OLD)
    broken = change(sealing.seal(DETAILS))  # type: ignore[operator]

    with pytest.raises(sealing.SealBroken) as raised:
        sealing.unseal(broken)

    assert str(raised.value) == "none of the keys in DATA_KEYS opens this; restore the key that sealed it"


def test_without_keys_nothing_is_sealed_and_the_setting_is_named(settings_env: SettingsEnv) -> None:
    settings_env()

    assert not sealing.available()
    with pytest.raises(sealing.SealUnavailable, match="DATA_KEYS is not set"):
        sealing.seal(DETAILS)
    with pytest.raises(sealing.SealUnavailable):
        sealing.unseal("gAAAA")


def test_hashes_of_networks_survive_a_rotation(settings_env: SettingsEnv) -> None:
    settings_env(DATA_KEYS=OLD)
    before = sealing.actor_hash("203.0.113.7/32")

    settings_env(DATA_KEYS=f"{NEW},{OLD}")

    assert sealing.actor_hash("203.0.113.7/32") == before
    assert len(before) == 32
    assert sealing.actor_hash("203.0.113.8/32") != before


def test_another_oldest_key_gives_other_hashes(settings_env: SettingsEnv) -> None:
    settings_env(DATA_KEYS=OLD)
    before = sealing.actor_hash("203.0.113.7/32")

    settings_env(DATA_KEYS=NEW)

    assert sealing.actor_hash("203.0.113.7/32") != before


def test_without_data_keys_the_oldest_link_key_makes_the_hashes(settings_env: SettingsEnv) -> None:
    settings_env(LINK_KEYS=OLD)
    before = sealing.actor_hash("203.0.113.7/32")

    settings_env(LINK_KEYS=f"{NEW},{OLD}")

    assert sealing.actor_hash("203.0.113.7/32") == before
    assert sealing.hash_key() != bytes(range(1, 33))
