$(PROGRAM): device/edge_ser_live.c $(LIBRARY) $(HEADERS)
	$(CC) $(FLAGS) $< $(LIBRARY) -static -s -o $@
