"""Accounts, devices, the directory and prekeys: what the journal writes and looks up."""

from typing import Final

from sqlalchemy import Integer, LargeBinary, Text, delete, func, or_, select, update

from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import (
    accounts,
    devices,
    directory,
    one_time_prekeys,
    signed_prekeys,
)

ADD_ACCOUNT: Final = insertion(accounts, without="id")
ACCOUNT_TAKEN: Final = compiled(
    select(accounts.c.id)
    .where(or_(accounts.c.name == parameter("name", Text), accounts.c.skeleton == parameter("skeleton", Text)))
    .limit(1)
)
USER_ID_TAKEN: Final = compiled(select(accounts.c.id).where(accounts.c.user_id == parameter("user_id", LargeBinary)))
LOGIN_FACTS: Final = compiled(
    select(accounts.c.password_hash, directory.c.digest, directory.c.version, directory.c.device_list)
    .join(directory, directory.c.row == accounts.c.newest_list)
    .where(accounts.c.id == parameter("account"))
)
SET_PASSWORD: Final = compiled(
    update(accounts)
    .where(accounts.c.id == parameter("account"))
    .values(password_hash=parameter("new_hash", LargeBinary))
)
SET_LAST_LOGIN: Final = compiled(
    update(accounts).where(accounts.c.id == parameter("account")).values(last_login=parameter("now", Integer))
)
SET_STATE: Final = compiled(
    update(accounts).where(accounts.c.id == parameter("account")).values(state=parameter("new_state", Text))
)
SET_NEWEST_LIST: Final = compiled(
    update(accounts).where(accounts.c.id == parameter("account")).values(newest_list=parameter("new_row"))
)

NEXT_DIRECTORY_ROW: Final = compiled(select(func.coalesce(func.max(directory.c.row), -1) + 1))
ADD_DIRECTORY_ROW: Final = insertion(directory)

ADD_DEVICE: Final = insertion(devices)
DEVICE: Final = compiled(
    select(devices.c.signing_key, devices.c.listed, devices.c.counter).where(
        devices.c.account == parameter("account"), devices.c.device_id == parameter("device_id")
    )
)
DEVICES_OF: Final = compiled(
    select(
        devices.c.device_id, devices.c.identity_key, devices.c.signing_key, devices.c.dh_key, devices.c.listed
    ).where(devices.c.account == parameter("account"))
)
DEVICES_WITH_KEY: Final = compiled(
    select(devices.c.account, devices.c.device_id).where(
        or_(
            devices.c.signing_key == parameter("signing_key", LargeBinary),
            devices.c.dh_point == parameter("dh_point", LargeBinary),
        )
    )
)
SET_COUNTER: Final = compiled(
    update(devices)
    .where(devices.c.account == parameter("of_account"), devices.c.device_id == parameter("of_device"))
    .values(counter=parameter("new_counter"))
)
SET_LISTED: Final = compiled(
    update(devices)
    .where(devices.c.account == parameter("of_account"), devices.c.device_id == parameter("of_device"))
    .values(listed=parameter("is_listed"))
)

FORGET_SIGNED_PREKEY: Final = compiled(
    delete(signed_prekeys).where(
        signed_prekeys.c.account == parameter("account"), signed_prekeys.c.device_id == parameter("device_id")
    )
)
ADD_SIGNED_PREKEY: Final = insertion(signed_prekeys)
FORGET_ONE_TIME_PREKEYS: Final = compiled(
    delete(one_time_prekeys).where(
        one_time_prekeys.c.account == parameter("account"), one_time_prekeys.c.device_id == parameter("device_id")
    )
)
