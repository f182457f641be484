DEMO := @{demo_sources}

# -n: the image begins with its vector table and not with the file's header.
$(PROGRAM): $(DEMO) $(LIBRARY) $(HEADERS)
	$(CC) $(FLAGS) -Idevice@{demo_defines} -nostdlib $(DEMO) $(LIBRARY) \
	  -Wl,--gc-sections -Wl,-n -Ldevice -T device/@{script} -lgcc -o $@
@{run_rule}
