"""What the pages of the dashboard are given. The functions that make them, a file for each:

    overview.overview(client, commands=COMMANDS) -> Overview        commands: what is typed here; as elsewhere
    history.history(store, now=None) -> History
    runners.runners(store, commands=...) -> RunnersPage
    troubles.quick_troubles(store, commands=COMMANDS) -> tuple[Trouble, ...]
    listing.asked(parameters) -> Asked                    raises ConfigurationError: one sentence, for the page
    listing.page_of_tasks(client, asked) -> TasksPage
    bulk.preview(client, action, asked) -> BulkPreview    action: "cancel" or "retry"
    bulk.act(client, action, asked, below_id=...) -> BulkStep      again with its next_below_id, until that is None
    bulk.act_on_one(client, action, task_id) -> BulkStep
    task.task_page(client, task_id, commands=...) -> TaskPage       raises TaskNotFoundError
    task.log_page(client, task_id, after=0, limit=200) -> LogPage
    stack.stack_page(store, task_id) -> StackPage         raises LilotaError: why it can't be seen
    names.names(client) -> NamesPage
    names.name_page(client, name) -> NamePage             raises UnknownTaskError
    adding.form_to_change(client, info) -> Form           the input of a task, to be run again changed
    adding.add(client, name, form) -> Added               form: names and values; the id of the new task, or the form
                                                          once more with errors
    descriptions.Descriptions()                           one for each client; hand it to these three as `describe`:
                                                          without it they start a process each time
    plugins.plugins(client) -> PluginsPage
    store.store_page(client, commands=...) -> StorePage    at once
    store.doctor(client, commands=...) -> tuple[Trouble, ...]       all of `lilota doctor`: seconds, and processes
    charts.bars(series, name) -> str                      SVG text, escaped already; `name` is unique in the page
    charts.timeline(attempts, name) -> str

All texts are safe for a page: secrets are `***`, control characters visible escapes; they are not escaped for HTML.
Instants are aware datetimes in UTC; what lasts is in seconds.
"""
