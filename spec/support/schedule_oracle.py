# What schedules should do, by brute force: Python's own reader of the tz database, every minute (or
# every day) looked at, every expression matched from scratch.
#   schedule_oracle.py FILE: its lines are "zone NAME", "hours N" (around a change), "from" YEAR,
#   "to" YEAR, "every EXPRESSION" (by elapsed time), "named EXPRESSION" (by the hours it names), or
#   "day EXPRESSION".
# Prints for each zone its changes, and for each change the minutes at which each expression runs;
# then for each day expression the days it means. Numbers are comma-separated.
import datetime
import functools
import sys
import zoneinfo

UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)


def epoch(year):
    return int(datetime.datetime(year, 1, 1, tzinfo=UTC).timestamp())


def offset(tz, t):
    return int(datetime.datetime.fromtimestamp(t, tz).utcoffset().total_seconds())


def changes(tz, start, end):
    """When the offset changes, looked for twice a day and then by halving."""
    before = offset(tz, start)
    for t in range(start, end, 43200):
        after = offset(tz, t + 43200)
        if after != before:
            low, high = t, t + 43200
            while high - low > 1:
                middle = (low + high) // 2
                if offset(tz, middle) == before:
                    low = middle
                else:
                    high = middle
            yield high, before, after
            before = after


@functools.lru_cache(maxsize=None)
def in_field(text, value, least, most):
    for item in text.split(","):
        base, _, step = item.partition("/")
        first, last = (least, most) if base == "*" else map(int, (base + "-" + base).split("-")[:2])
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


@functools.lru_cache(maxsize=None)
def workdays(date):
    days = [date.replace(day=1) + DAY * n for n in range(31)]
    return [d for d in days if d.month == date.month and d.isoweekday() < 6]


@functools.lru_cache(maxsize=None)
def last_of_month(date):
    first = date.replace(day=1)
    return max(d for d in range(28, 32) if (first + DAY * (d - 1)).month == date.month)


def is_day(text, date):
    for item in text.split(","):
        if item == "LW":
            fits = date == workdays(date)[-1]
        elif item.endswith("W"):
            n = int(item[:-1])
            fits = n <= last_of_month(date) and date == min(
                workdays(date), key=lambda d: abs(d.day - n))
        elif item.startswith("L"):
            fits = date.day == last_of_month(date) - int(item[2:] or 0)
        else:
            fits = in_field(item, date.day, 1, 31)
        if fits:
            return True
    return False


def is_weekday(text, date):
    weekday = date.isoweekday() % 7
    for item in text.split(","):
        if "#" in item:
            day, nth = map(int, item.split("#"))
            fits = weekday == day % 7 and (date.day - 1) // 7 + 1 == nth
        elif item.endswith("L"):
            fits = weekday == int(item[:-1]) % 7 and (date + 7 * DAY).month != date.month
        else:
            fits = in_field(item, weekday, 0, 6) or weekday == 0 and in_field(item, 7, 0, 7)
        if fits:
            return True
    return False


def date_fits(fields, date):
    if not in_field(fields[3], date.month, 1, 12):
        return False
    day, weekday = is_day(fields[2], date), is_weekday(fields[4], date)
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return day and weekday
    return day or weekday


class Expression:
    def __init__(self, text, every=False):
        self.every = every
        self.fields = text.split()
        self.minutes = {m for m in range(60) if in_field(self.fields[0], m, 0, 59)}
        self.hours = {h for h in range(24) if in_field(self.fields[1], h, 0, 23)}
        self.dates = {}

    def fits(self, wall):
        """wall: minutes since 1970 that the clock shows."""
        if wall % 60 not in self.minutes or wall // 60 % 24 not in self.hours:
            return False
        day = wall // 1440
        if day not in self.dates:
            self.dates[day] = date_fits(self.fields, datetime.date(1970, 1, 1) + DAY * day)
        return self.dates[day]


def runs(expression, minutes):
    """minutes: (UTC minute, what the clock shows), in order."""
    found, latest = [], minutes[0][1]
    for t, wall in minutes[1:]:
        if expression.every:
            due = expression.fits(wall)
        else:
            due = any(expression.fits(w) for w in range(latest + 1, wall + 1))
        latest = max(latest, wall)
        if due:
            found.append(t)
    return found


def main():
    settings, expressions, days = {"zone": []}, [], []
    for line in open(sys.argv[1], encoding="utf-8"):
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "zone":
            settings["zone"].append(value)
        elif word in ("every", "named"):
            expressions.append(Expression(value, word == "every"))
        elif word == "day":
            days.append(value)
        else:
            settings[word] = int(value)
    start, end = epoch(settings["from"]), epoch(settings["to"])
    for name in settings["zone"]:
        tz = zoneinfo.ZoneInfo(name)
        print("zone", name)
        for at, before, after in changes(tz, start, end):
            around = settings["hours"] * 60
            minutes = [(t, t + offset(tz, t * 60) // 60)
                       for t in range(at // 60 - around, at // 60 + around + 1)]
            print("change", f"{at},{before},{after}")
            for expression in expressions:
                print("runs", ",".join(map(str, runs(expression, minutes))))
    for text in days:
        first = datetime.date(settings["from"], 1, 1)
        count = (datetime.date(settings["to"], 1, 1) - first).days
        fields = text.split()
        print("days", ",".join(str(n) for n in range(count) if date_fits(fields, first + DAY * n)))


main()
