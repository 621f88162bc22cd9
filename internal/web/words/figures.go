package words

import (
	"fmt"
	"time"
)

// Bytes is a number of bytes for people.
func Bytes(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n)/unit, "kMGT"
	for value >= unit && len(names) > 1 {
		value, names = value/unit, names[1:]
	}
	return fmt.Sprintf("%.3g %cB", value, names[0])
}

// Times are the words of times; "%v" is where a number goes, or one of these. The
// script of the pages has them from the page, where times go on.
type Times struct{ JustNow, Ago, Ahead, Milliseconds, Seconds, Minutes, Hours, Days string }

// TimeWords returns them.
func TimeWords() Times {
	return Times{
		JustNow: "just now", Ago: "%v ago", Ahead: "in %v",
		Milliseconds: "%v ms", Seconds: "%v s", Minutes: "%v min", Hours: "%v h", Days: "%v days",
	}
}

// Duration is about how long something takes or took.
func Duration(d time.Duration) string {
	words := TimeWords()
	switch d = d.Abs(); {
	case d < time.Second:
		return fmt.Sprintf(words.Milliseconds, d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf(words.Seconds, fmt.Sprintf("%.3g", d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf(words.Minutes, int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf(words.Hours, int(d.Hours()))
	}
	return fmt.Sprintf(words.Days, int(d.Hours()/24))
}

// Ago is how long ago, or ahead, a time is.
func Ago(t, now time.Time) string {
	words := TimeWords()
	switch d := now.Sub(t); {
	case d < -5*time.Second:
		return fmt.Sprintf(words.Ahead, Duration(d.Round(time.Second)))
	case d < 5*time.Second:
		return words.JustNow
	default:
		return fmt.Sprintf(words.Ago, Duration(d.Round(time.Second)))
	}
}

// Percent is how busy processors are, in hundredths of one.
func Percent(cpus float64) string { return fmt.Sprintf("%.1f %%", cpus*100) }

// Count is a number of things.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
