// What JavaScript adds to pages that work without it. Each module looks after one kind of data- attribute.
import { watchChoosers } from "./chooser.ts";
import { watchConditions } from "./conditions.ts";
import { content } from "./content.ts";
import { watchCopy } from "./copy.ts";
import { watchCounters } from "./counter.ts";
import { watchDepends } from "./depends.ts";
import { watchDialogs } from "./dialog.ts";
import { watchErrors } from "./errors.ts";
import { watchFinders } from "./finder.ts";
import { watchForms } from "./form.ts";
import { watchKept } from "./keep.ts";
import { watchKeys } from "./keys.ts";
import { watchLive } from "./live.ts";
import { watchPalette } from "./palette.ts";
import { watchPopovers } from "./popover.ts";
import { watchProblems } from "./problems.ts";
import { watchRequests } from "./requests.ts";
import { watchSelects } from "./select.ts";
import { watchSorting } from "./sort.ts";
import { watchSuggestions } from "./suggest.ts";
import { watchTables } from "./table.ts";
import { watchTabs } from "./tabs.ts";
import { watchTheme } from "./theme.ts";
import { watchToasts } from "./toast.ts";
import { watchVariables } from "./variables.ts";

// First, because others look at what the forms hold.
watchKept();
watchChoosers();
watchConditions();
watchCopy();
watchCounters();
watchDepends();
watchDialogs();
watchErrors();
watchFinders();
watchForms();
watchKeys();
watchLive();
watchPalette();
watchPopovers();
watchRequests();
watchSelects();
watchSorting();
watchSuggestions();
watchTables();
watchTabs();
watchTheme();
watchToasts();
watchVariables();
// Last, because the first wrong field may have to be brought to sight by the others.
watchProblems();

content.arrived(document.body);
