package ui

import "fmt"

// Compared is where a list stands of which each row has to be compared before it is known to belong there: shown rows were
// found among the first looked of total, "10,000 or more" when capped. Next leads on, "" when all were looked at.
func Compared(shown, looked, total int, capped bool, one, many, next string) Page {
	p := Page{Total: shown, Noun: many, Next: next, Said: Grouped(shown) + " " + many + " in this state."}
	if shown == 1 {
		p.Said = "1 " + one + " in this state."
	}
	if next != "" {
		p.Said += fmt.Sprintf(" To tell, what is edited is compared with what runs; %s of %s have been.", Grouped(looked), AtLeast(total, capped))
	}
	return p
}

// AtLeast is a figure that may be greater.
func AtLeast(n int, capped bool) string {
	if capped {
		return Grouped(n) + " or more"
	}
	return Grouped(n)
}

// PageOf is where a list of total rows stands that shows some of them, on the
// page of that number (from 1) with at most size rows. The address of another
// page comes from href. A page past the end leads back to the last one.
func PageOf(page, size, shown, total int, one, many string, href func(page int) string) Page {
	p := Page{Total: total, Noun: many}
	if total == 1 {
		p.Noun = one
	}
	if shown > 0 {
		p.From = (page-1)*size + 1
		p.To = p.From + shown - 1
	}
	if page > 1 {
		last := max((total+size-1)/size, 1)
		p.Prev = href(min(page-1, last))
	}
	if page*size < total {
		p.Next = href(page + 1)
	}
	return p
}
